#pragma once

// Where the request loop gets the kernel's requests from.

#include <memory>

#include "base/status.h"

namespace tarn::fuse {

// Thread-safe. Each slot is used by one thread.
class RequestSource {
 public:
  // A buffer for one request.
  class Slot {
   public:
    virtual ~Slot() = default;
    // True: Receive would probably return at once. Does not block.
    virtual bool HasRequest() = 0;
    // kNothing: call Receive again. kEnd: the source has ended.
    enum class Got { kRequest, kNothing, kEnd };
    // Blocks until the next request is in this slot. After kEnd or an error all slots get kEnd.
    virtual Result<Got> Receive() = 0;
    virtual void Serve() = 0;  // Serves the request in this slot.
  };
  virtual ~RequestSource() = default;
  virtual std::unique_ptr<Slot> NewSlot() = 0;
};

}  // namespace tarn::fuse
