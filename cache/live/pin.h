#pragma once

// Keeps the content of a live file from being evicted while it lives.

#include <utility>

#include "cache/live/contents.h"
#include "cache/live/live.h"

namespace tarn::cache {

class Pin {
 public:
  Pin(Contents& contents, LivePtr live) REQUIRES(live->mutex)
      : contents_(contents), live_(std::move(live)) {
    Contents::Pin(*live_);
  }
  ~Pin() { contents_.Unpin(*live_); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  Live& live() const { return *live_; }

 private:
  Contents& contents_;
  const LivePtr live_;
};

}  // namespace tarn::cache
