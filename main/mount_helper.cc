#include "main/mount_helper.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace tarn {
namespace {

using Words = std::vector<std::string>;

// Whether the program has the name of a helper.
bool IsCalledByMount(std::string_view called) {
  const std::string_view name = called.substr(called.rfind('/') + 1);
  return name == "mount.fuse.tarn" || name == "mount.tarn";
}

// mount.fuse calls the program by its own name, with a source where a command should be: no command
// has a slash.
bool IsHelper(const Words& words) {
  if (IsCalledByMount(words.front())) return true;
  return words.size() >= 3 && !words[1].starts_with('-') && words[1].find('/') != std::string::npos;
}

Status Unknown(const std::string& word) {
  return Status(Code::kInvalid,
                Concat("unknown argument \"", word,
                       "\"; mount(8) calls a helper with SOURCE MOUNTPOINT [-sfnv] [-o OPTIONS] "
                       "[-t TYPE] [-N NAMESPACE]"));
}

struct Call {
  Words places;  // The source and the mount point.
  Words mount_words = {"mount"};
  bool by_mount = false;  // mount(8) calls.
  bool pretend = false;
};

// Takes the flags in `word`, such as "-no". The value of the last one, if it has one, is the next
// word. Returns how many words that were.
Result<size_t> TakeFlags(const std::string& word, const std::string* next, Call& call) {
  for (const char flag : std::string_view(word).substr(1)) {
    const bool has_value = flag == 'o' || flag == 't' || flag == 'N';
    if (has_value && (next == nullptr || flag != word.back())) return Unknown(word);
    if (flag == 'o') call.mount_words.insert(call.mount_words.end(), {"-o", *next});
    if (flag == 'f' && call.by_mount) call.pretend = true;
    if (flag == 'f' && !call.by_mount) call.mount_words.emplace_back("-f");
    if (!has_value && std::string_view("sfnvrw").find(flag) == std::string_view::npos) {
      return Unknown(word);
    }
    if (flag == 'r') call.mount_words.insert(call.mount_words.end(), {"-o", "ro"});
    if (has_value) return 2;
  }
  return 1;
}

}  // namespace

Result<std::optional<Words>> FromMountHelper(const Words& words) {
  if (words.empty() || !IsHelper(words)) return std::optional<Words>();
  Call call;
  call.by_mount = IsCalledByMount(words.front());
  for (size_t i = 1; i < words.size();) {
    if (words[i].size() < 2 || words[i][0] != '-') {
      call.places.push_back(words[i++]);
      continue;
    }
    const std::string* next = i + 1 < words.size() ? &words[i + 1] : nullptr;
    ASSIGN_OR_RETURN(const size_t taken, TakeFlags(words[i], next, call));
    i += taken;
  }
  if (call.places.size() != 2) {
    return Unknown(call.places.size() < 2 ? "" : call.places.back());
  }
  if (call.pretend) return std::optional<Words>(Words());
  call.mount_words.insert(call.mount_words.end(), call.places.begin(), call.places.end());
  return std::optional<Words>(std::move(call.mount_words));
}

}  // namespace tarn
