#pragma once

#include <fuse_lowlevel.h>

namespace tarn::fuse {

// Each sets the handlers of one kind of requests. A handler decodes a request, makes one call, and
// replies once.
void AddNameRequests(fuse_lowlevel_ops& ops);
void AddAttributeRequests(fuse_lowlevel_ops& ops);
void AddDataRequests(fuse_lowlevel_ops& ops);

}  // namespace tarn::fuse
