#pragma once

// A reserved name beside a target: a new object gets it first, and is renamed to the target when it
// is complete. While it lives, its file counts as no leftover. For one thread at a time.

#include <string>
#include <string_view>

#include "base/status.h"
#include "ufs/local/held_uploads.h"
#include "ufs/local/local_paths.h"
#include "ufs/local/local_root.h"

namespace tarn::ufs {

class FreshName {
 public:
  // `root` and `held` outlive it. `key` is the key of `target`.
  FreshName(LocalRoot& root, HeldUploads& held, const Place& target, std::string_view key);
  ~FreshName() { held_.LetGo(id_); }
  FreshName(const FreshName&) = delete;
  FreshName& operator=(const FreshName&) = delete;

  const Place& place() const { return place_; }
  const std::string& id() const { return id_; }  // The upload id: the key of the name.
  Status Remove() const;                         // Absent is OK.

 private:
  LocalRoot& root_;
  HeldUploads& held_;
  Place place_;
  const std::string id_;
};

}  // namespace tarn::ufs
