#pragma once

#include <cstdint>

namespace tarn::client {

// Which privileges a write takes off a file: setuid, setgid, file capabilities.
enum class SetId : uint8_t {
  kKeep,               // None. A mapping wrote, and the kernel does not know the writer.
  kClearCapabilities,  // Capabilities. The writer has CAP_FSETID.
  kClear,              // Capabilities, setuid, and setgid if the group may execute the file.
  kClearAsOutsider,    // All of them. The writer is not in the file's group.
};

}  // namespace tarn::client
