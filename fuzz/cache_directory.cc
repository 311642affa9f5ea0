// The files `id` and `state` of a cache directory (doc/cache-format.md). An input has the size of
// `id`, its bytes, and the bytes of `state`: as they are, or as the body of a file with the right
// checksum.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/descriptor.h"
#include "base/encoding.h"
#include "base/testing/temporary_directory.h"
#include "cache/files/directory_state.h"
#include "fuzz/target.h"

namespace tarn::fuzz {
namespace {

constexpr size_t kNoId = 9;  // A size of `id` that stands for its absence.
constexpr uint64_t kRun = 7;

std::string StateFile(std::string_view body) {
  std::string out = "tarn cache 1\n";
  AppendBig64(out, Checksum(body));
  AppendString(out, body);
  return out;
}

class Directory {
 public:
  Directory() : fd_(open(files_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

  void Write(size_t id_bytes, std::string_view id, std::string_view state) {
    const std::string id_path = files_ / "id";
    if (id_bytes == kNoId) {
      unlink(id_path.c_str());
    } else {
      WriteFile(id_path, id);
    }
    WriteFile(files_ / "state", state);
  }
  Result<std::unique_ptr<cache::DirectoryState>> Open() {
    return cache::DirectoryState::Open(fd_.get(), files_.path());
  }

 private:
  TemporaryDirectory files_;
  Descriptor fd_;
};

}  // namespace

void Try(std::string_view input) {
  static Directory directory;
  const size_t id_bytes = TakeChoice(input, kNoId + 1);
  const bool framed = TakeChoice(input, 2) != 0;
  const std::string_view id = input.substr(0, id_bytes == kNoId ? 0 : id_bytes);
  input.remove_prefix(id.size());
  directory.Write(id_bytes, id, framed ? StateFile(input) : std::string(input));

  auto state = directory.Open();
  if (!state.ok()) {
    CHECK(state.code() == Code::kCorruption);  // `id` is not 8 bytes.
    CHECK(id_bytes != kNoId && id.size() != 8);
    return;
  }
  const uint64_t directory_id = (*state)->directory_id();
  CHECK((*state)->Begin(kRun).ok());
  for (const bool ended : {false, true}) {
    if (ended) CHECK((*state)->MarkEnd().ok());
    state->reset();
    state = directory.Open();
    CHECK(state.ok());
    CHECK((*state)->directory_id() == directory_id);
    CHECK((*state)->last_run() == kRun);
    CHECK(!(*state)->power_cut());
  }
}

std::vector<std::string> Seeds() {
  std::string body(1, '\1');
  AppendString(body, "boot mount");
  AppendVarint(body, 3);
  const std::string id = "12345678";
  return {
      Chosen(8, Chosen(1, id + body)),
      Chosen(8, Chosen(0, id + StateFile(body))),
      Chosen(kNoId, Chosen(1, body)),
      Chosen(3, Chosen(0, "abc")),
  };
}

}  // namespace tarn::fuzz
