#pragma once

// Whether pages of a live file are what they were, by their checksums. Pages that a writer may
// change have no checksum, and never count as damaged.

#include <cstdint>

#include "base/status.h"
#include "cache/live/live.h"

namespace tarn::cache {

// kCorruption: the page is not what it was. If it can be fetched again, it is absent now.
Status CheckPage(Live& live, uint64_t page);
// Checks a page of an earlier run at its first use; otherwise no-op. Fails like CheckPage.
Status VerifyPage(Live& live, uint64_t page);
// From now on every page is verified before it is used, and none passes by the daemon.
void Suspect(Live& live) REQUIRES(live.mutex, live.fill_mutex);
// Drops the checksums, because the file may change from now on.
void Unseal(Live& live) REQUIRES(live.mutex);
// Makes all pages absent. The content is in use, so its file stays.
Status Refill(Live& live) REQUIRES(live.mutex);

}  // namespace tarn::cache
