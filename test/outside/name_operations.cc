// Operations on names, with bytes written under them.

#include <fcntl.h>

#include "outside/operations.h"
#include "outside/versions.h"

namespace tarn::outside {
namespace {

using client::OpenFile;
using role::RenameMode;

const std::string kFirst = Filled('A', kBaseBytes);
const std::string kSecond = Filled('G', kPage + 700);
const std::string kFresh = Filled('N', kPage + 2000);
const std::map<std::string, std::string> kOne = {{"f", kFirst}};
const std::map<std::string, std::string> kTwo = {{"f", kFirst}, {"g", kSecond}};

std::string Written() { return std::string(kFirst).replace(kPage + 10, 1, "a"); }

Status Move(Mounted& mounted, const char* from, const char* to) {
  return mounted.Rename(from, to, RenameMode::kReplace);
}

Status WriteOne(Mounted& mounted) {
  return mounted.WithOpen("f", O_RDWR,
                          [&](OpenFile& file) { return mounted.Write(file, kPage + 10, "a"); });
}

Status WriteAndRename(Mounted& mounted) {
  RETURN_IF_ERROR(WriteOne(mounted));
  return Move(mounted, "f", "h");
}

Status RenameWhileWritten(Mounted& mounted) {
  return mounted.WithOpen("f", O_RDWR, [&](OpenFile& file) -> Status {
    RETURN_IF_ERROR(mounted.Write(file, kPage + 10, "a"));
    RETURN_IF_ERROR(file.Fsync());
    RETURN_IF_ERROR(Move(mounted, "f", "h"));
    mounted.Persist();
    return OkStatus();
  });
}

Status SaveOver(Mounted& mounted) {
  RETURN_IF_ERROR(mounted.Create("n", kFresh));
  return Move(mounted, "n", "f");
}

Status RemoveAndCreate(Mounted& mounted) {
  RETURN_IF_ERROR(mounted.Unlink("f"));
  return mounted.Create("f", kFresh);
}

Status LinkAndRemove(Mounted& mounted) {
  RETURN_IF_ERROR(mounted.Link("f", "l"));
  return mounted.Unlink("f");
}

Status LinkAndRename(Mounted& mounted) {
  RETURN_IF_ERROR(mounted.Link("f", "l"));
  return Move(mounted, "f", "h");
}

Status LinkPersistAndRemove(Mounted& mounted) {
  RETURN_IF_ERROR(mounted.Link("f", "l"));
  mounted.Persist();
  // An application that sees the other program's file there does not remove it.
  ASSIGN_OR_RETURN(const bool same, mounted.AreSame("f", "l"));
  return same ? mounted.Unlink("f") : Status(Code::kStale, "f is another file by now");
}

Status WriteAndLink(Mounted& mounted) {
  RETURN_IF_ERROR(WriteOne(mounted));
  return mounted.Link("f", "l");
}

Status CreateAndLink(Mounted& mounted) {
  RETURN_IF_ERROR(mounted.Create("n", kFresh));
  return mounted.Link("n", "l");
}

Status CreateInDirectory(Mounted& mounted) {
  RETURN_IF_ERROR(mounted.MakeDirectory("d"));
  return mounted.Create("d/n", kFresh);
}

std::vector<Operation> OfOneName() {
  return {
      {"Create",
       {},
       {"n"},
       [](Mounted& m) { return m.Create("n", kFresh); },
       {{"n", kFresh}},
       {"n"}},
      {"Unlink", kOne, {"f"}, [](Mounted& m) { return m.Unlink("f"); }},
      {"RemoveAndCreate", kOne, {"f"}, RemoveAndCreate, {{"f", kFresh}}, {"f"}},
      {"Rename",
       kOne,
       {"f", "h"},
       [](Mounted& m) { return Move(m, "f", "h"); },
       {{"h", kFirst}},
       {"h"}},
      {"RenamePartlyCached",
       kOne,
       {"f"},
       [](Mounted& m) { return Move(m, "f", "h"); },
       {{"h", kFirst}},
       {"h"},
       {},
       "f"},
      {"RenameOver",
       kTwo,
       {"f", "g"},
       [](Mounted& m) { return Move(m, "f", "g"); },
       {{"g", kFirst}},
       {"g"}},
      {"WriteAndRename", kOne, {"f", "h"}, WriteAndRename, {{"h", Written()}}, {"h"}},
      {"RenameWhileWritten", kOne, {"f", "h"}, RenameWhileWritten, {{"h", Written()}}, {"h"}},
      {"SaveOver", kOne, {"f", "n"}, SaveOver, {{"f", kFresh}}, {"f"}},
      {"Exchange",
       kTwo,
       {"f", "g"},
       [](Mounted& m) { return m.Rename("f", "g", RenameMode::kExchange); },
       {{"f", kSecond}, {"g", kFirst}},
       {"f", "g"}},
  };
}

std::vector<Operation> OfSeveralNames() {
  const std::map<std::string, std::string> below = {{"d/c", kFirst}};
  return {
      {"Link",
       kOne,
       {"f", "l"},
       [](Mounted& m) { return m.Link("f", "l"); },
       {{"f", kFirst}, {"l", kFirst}},
       {"l"}},
      {"WriteAndLink", kOne, {"f", "l"}, WriteAndLink, {{"f", Written()}, {"l", Written()}}, {"l"}},
      {"CreateAndLink", {}, {"n", "l"}, CreateAndLink, {{"n", kFresh}, {"l", kFresh}}, {"n", "l"}},
      {"LinkAndRemove", kOne, {"f", "l"}, LinkAndRemove, {{"l", kFirst}}, {"l"}},
      {"LinkPersistAndRemove", kOne, {"f", "l"}, LinkPersistAndRemove, {{"l", kFirst}}, {"l"}},
      {"LinkAndRename",
       kOne,
       {"f", "l", "h"},
       LinkAndRename,
       {{"h", kFirst}, {"l", kFirst}},
       {"h", "l"}},
      {"MakeDirectory",
       {},
       {"d"},
       [](Mounted& m) { return m.MakeDirectory("d"); },
       {},
       {},
       {},
       nullptr,
       true},
      {"CreateInDirectory", {}, {"d", "d/n"}, CreateInDirectory, {{"d/n", kFresh}}, {"d/n"}},
      {"RemoveDirectory",
       {{"d/", ""}},
       {"d"},
       [](Mounted& m) { return m.RemoveDirectory("d"); },
       {},
       {},
       {},
       nullptr,
       true},
      {"RenameDirectory",
       below,
       {"d/c", "e/c", "e"},
       [](Mounted& m) { return Move(m, "d", "e"); },
       {{"e/c", kFirst}},
       {"e/c"}},
  };
}

std::vector<Operation> Make() {
  std::vector<Operation> operations = OfOneName();
  for (Operation& operation : OfSeveralNames()) operations.push_back(std::move(operation));
  for (Operation& operation : operations) {
    const std::string_view name = operation.name;
    operation.moves = name.find("Rename") != name.npos || name == "Exchange" ||
                      name == "LinkAndRemove" || name == "LinkPersistAndRemove";
  }
  return operations;
}

}  // namespace

const std::vector<Operation>& NameOperations() {
  static const std::vector<Operation> operations = Make();
  return operations;
}

const char* NameOf(Action action) {
  switch (action) {
    case Action::kReplace:
      return "replace";
    case Action::kShorten:
      return "shorten";
    case Action::kSameSize:
      return "replace by the same size";
    case Action::kInPlace:
      return "write in place";
    case Action::kRemove:
      return "remove";
    case Action::kDirectory:
      return "make a directory";
    case Action::kRemoveAndMake:
      return "remove and make again";
  }
  return "";
}

}  // namespace tarn::outside
