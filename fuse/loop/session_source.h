#pragma once

#include <fuse_lowlevel.h>

#include <functional>
#include <memory>

#include "fuse/loop/request_source.h"

namespace tarn::fuse {

// The requests of a libfuse session, which outlives it. Calls `abort` after a failed read; it must
// make all reads of the session end.
std::unique_ptr<RequestSource> NewSessionSource(fuse_session* session, std::function<void()> abort);

}  // namespace tarn::fuse
