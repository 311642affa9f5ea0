// Operations on the bytes and attributes of one file.

#include <fcntl.h>

#include "outside/operations.h"
#include "outside/versions.h"

namespace tarn::outside {
namespace {

using client::OpenFile;

const std::map<std::string, std::string> kBase = {{"f", Filled('A', kBaseBytes)}};

std::string With(std::string base, size_t at, const std::string& bytes) {
  return base.replace(at, bytes.size(), bytes);
}

Status WriteAt(Mounted& mounted, uint64_t at, const std::string& bytes) {
  return mounted.WithOpen("f", O_RDWR,
                          [&](OpenFile& file) { return mounted.Write(file, at, bytes); });
}

Status Rewrite(Mounted& mounted, const std::string& bytes) {
  return mounted.WithOpen("f", O_WRONLY | O_TRUNC,
                          [&](OpenFile& file) { return mounted.Write(file, 0, bytes); });
}

// The first bytes are committed and perhaps persisted while the file is open, the others later.
Status WriteTwice(Mounted& mounted) {
  return mounted.WithOpen("f", O_RDWR, [&](OpenFile& file) -> Status {
    RETURN_IF_ERROR(mounted.Write(file, kPage + 10, "a"));
    RETURN_IF_ERROR(file.Fsync());
    mounted.Persist();
    return mounted.Write(file, kPage + 20, "a");
  });
}

Status ReadInTwo(Mounted& mounted) {
  return mounted.WithOpen("f", O_RDONLY, [&](OpenFile& file) -> Status {
    ASSIGN_OR_RETURN(std::string bytes, mounted.Read(file, 0, kPage));
    ASSIGN_OR_RETURN(const std::string rest, mounted.Read(file, kPage, kPage));
    EXPECT_TRUE(bytes.empty() || rest.empty() || bytes.front() == rest.front())
        << "one open file gave bytes of two versions: " << Describe(bytes + rest);
    return OkStatus();
  });
}

Status Chmod(Mounted& mounted) {
  role::AttrChange change;
  change.mode = 0600;
  return mounted.SetAttributes("f", change);
}

Status SetTimes(Mounted& mounted) {
  role::AttrChange change;
  change.atime_ns = change.mtime_ns = 1'600'000'000'000'000'001;
  return mounted.SetAttributes("f", change);
}

Status WriteAndChmod(Mounted& mounted) {
  RETURN_IF_ERROR(WriteAt(mounted, kPage + 10, "a"));
  return Chmod(mounted);
}

std::vector<Operation> Make() {
  const std::string base = kBase.at("f");
  const std::string inside = With(base, kPage + 10, "a");
  const std::string fresh = Filled('N', kPage + 2000);
  return {
      {"WriteInside",
       kBase,
       {"f"},
       [](Mounted& m) { return WriteAt(m, kPage + 10, "a"); },
       {{"f", inside}}},
      {"WriteInsidePartlyCached",
       kBase,
       {"f"},
       [](Mounted& m) { return WriteAt(m, 10, "a"); },
       {{"f", With(base, 10, "a")}},
       {},
       {},
       "f"},
      {"Append",
       kBase,
       {"f"},
       [](Mounted& m) { return WriteAt(m, kBaseBytes, "aaaaaaaaaa"); },
       {{"f", base + "aaaaaaaaaa"}}},
      {"WriteTwice",
       kBase,
       {"f"},
       WriteTwice,
       {{"f", With(inside, kPage + 20, "a")}},
       {},
       {inside},
       nullptr,
       false,
       false,
       true},
      {"Truncate",
       kBase,
       {"f"},
       [](Mounted& m) { return m.Truncate("f", kPage + 500); },
       {{"f", base.substr(0, kPage + 500)}}},
      {"TruncateToPage",
       kBase,
       {"f"},
       [](Mounted& m) { return m.Truncate("f", kPage); },
       {{"f", base.substr(0, kPage)}}},
      {"TruncateToNothing",
       kBase,
       {"f"},
       [](Mounted& m) { return m.Truncate("f", 0); },
       {{"f", ""}},
       {"f"}},
      {"Rewrite",
       kBase,
       {"f"},
       [fresh](Mounted& m) { return Rewrite(m, fresh); },
       {{"f", fresh}},
       {"f"}},
      {"Chmod", kBase, {"f"}, Chmod, kBase},
      {"ChmodPartlyCached", kBase, {"f"}, Chmod, kBase, {}, {}, "f"},
      {"SetTimes", kBase, {"f"}, SetTimes, kBase},
      {"WriteAndChmod", kBase, {"f"}, WriteAndChmod, {{"f", inside}}},
      {"Read", kBase, {"f"}, ReadInTwo, kBase},
      {"ReadPartlyCached", kBase, {"f"}, ReadInTwo, kBase, {}, {}, "f"},
  };
}

}  // namespace

const std::vector<Operation>& DataOperations() {
  static const std::vector<Operation> operations = Make();
  return operations;
}

}  // namespace tarn::outside
