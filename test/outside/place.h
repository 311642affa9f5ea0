#pragma once

// The source of the mount, which the outside writer reaches past Tarn. A run has one. For one
// thread at a time.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "outside/points.h"
#include "ufs/under_file_system.h"

namespace tarn::outside {

struct Seen {
  std::string bytes;
  std::string attributes;  // Set by the writer of a file, and kept by the store beside the bytes.
  friend bool operator==(const Seen&, const Seen&) = default;
};
using Objects = std::map<std::string, Seen>;  // By key. Directories end in '/'.

class Place {
 public:
  virtual ~Place() = default;
  // The source for the mount. `points` counts its calls. Call it once.
  virtual std::unique_ptr<ufs::UnderFileSystem> Open(Points& points, Clock& clock) = 0;
  // A new object at the key instead of what is there, with the attributes of another program.
  virtual void Put(const std::string& key, const std::string& bytes) = 0;
  // Other bytes for the file that is there. False: this store has no such thing.
  virtual bool WriteInPlace(const std::string& key, const std::string& bytes) = 0;
  // A file, or a directory with all that is in it.
  virtual void Remove(const std::string& key) = 0;
  // An empty directory, where the store has them.
  virtual void MakeDirectory(const std::string& key) = 0;
  virtual Objects Look() = 0;
};

enum class Kind { kMemory, kLocal, kS3 };
const char* NameOf(Kind kind);
std::unique_ptr<Place> NewPlace(Kind kind);
std::unique_ptr<Place> NewS3Place();

}  // namespace tarn::outside
