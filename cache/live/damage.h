#pragma once

// Damage: whether a cache file is what the index says, and what follows if it is not. The kernel
// shows changes made through the file system (inode number, size, time of change); checksums show
// the others. Neither covers a content while a program writes it. Thread-safe.

#include <string_view>

#include "base/mutex.h"
#include "base/status.h"
#include "cache/files/open_file.h"
#include "cache/live/contents.h"
#include "cache/live/live.h"

namespace tarn::cache {

class Damage {
 public:
  explicit Damage(Contents& contents) : contents_(contents) {}

  // Call it when a content is opened. After it, a clean content that is not good does not exist, or
  // has no pages. Reads of a dirty one report its damage.
  Status CheckFile(Live& live) REQUIRES(live.mutex);
  // Checks a dirty content that no program writes, on its way to the UFS. kCorruption: damaged.
  Status CheckDirty(Live& live) REQUIRES(live.mutex);
  // Verifies all pages, before a writer makes that impossible. Pages that do not match are absent
  // afterwards; kCorruption: they cannot be fetched again, and the content is damaged.
  Status VerifyAll(Live& live) REQUIRES(live.mutex);
  // All pages are verified, so the content is no longer suspect.
  void Trust(Live& live) REQUIRES(live.mutex);
  // Marks a content as damaged whose bytes the UFS lacks; always an error, kCorruption once that is
  // recorded. The bytes stay as they are until a program removes the file, truncates it to nothing
  // or writes its next version.
  Status Note(Live& live, std::string_view why) REQUIRES(live.mutex);

  enum class Missing { kNo, kYes };
  // Writes the bytes of a small commit to the file, from the log. The file has them only as far as
  // the kernel wrote them back. `missing`: there is no file.
  Status RestoreBytes(Live& live, Missing missing, const FileFacts& facts) REQUIRES(live.mutex);

 private:
  Status CheckClean(Live& live) REQUIRES(live.mutex);
  Status CheckTouched(Live& live, const FileFacts& facts) REQUIRES(live.mutex);

  Contents& contents_;
};

}  // namespace tarn::cache
