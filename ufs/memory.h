#pragma once

// An object store in memory, for tests.

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

enum class Markers : uint8_t { kNone, kWritten };
// kAttributes: objects keep mode, owner and mtime, as on S3. Listings leave these out, and the ETag
// depends on the bytes alone.
enum class Keeps : uint8_t { kBytes, kAttributes };
// Flat keys; conditional writes are exact.
std::unique_ptr<UnderFileSystem> NewMemoryUfs(const Clock& clock, Markers markers = Markers::kNone,
                                              Keeps keeps = Keeps::kBytes);

}  // namespace tarn::ufs
