#include "outside/judge.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <set>

#include "base/strings.h"
#include "outside/versions.h"

namespace tarn::outside {
namespace {

constexpr char kConflict[] = "CONFLICT";
constexpr char kLost[] = "LOST";
constexpr char kPersisted[] = "PERSISTED";

std::string PathOf(const role::QueueEntry& entry) {
  return entry.path.starts_with('/') ? entry.path.substr(1) : entry.path;
}

bool IsDirectory(const std::string& key) { return key.ends_with('/'); }

// Whether a line of the log names the key.
bool Names(const std::string& log, const std::string& key) {
  const auto outside = [&](size_t at) {
    return at >= log.size() || (std::isalnum(static_cast<unsigned char>(log[at])) == 0);
  };
  for (size_t at = log.find(key); at != std::string::npos; at = log.find(key, at + 1)) {
    if ((at == 0 || outside(at - 1)) && outside(at + key.size())) return true;
  }
  return false;
}

class Judgement {
 public:
  Judgement(const Case& one, const Ending& ending)
      : operation_(*one.operation), one_(one), ending_(ending) {
    for (const auto& [key, bytes] : operation_.before) Add("before", key, bytes);
    for (const auto& [key, bytes] : operation_.after) Add("after", key, bytes);
    for (const std::string& bytes : operation_.between) versions_.Add("between", bytes);
    for (const Theirs& theirs : ending.theirs) Add("theirs", theirs.key, theirs.seen.bytes);
  }

  std::vector<Violation> All() {
    for (const auto& [path, name] : ending_.before_look) JudgeName(path, name, "before the look");
    for (const auto& [path, name] : ending_.names) JudgeName(path, name, "at the end");
    for (const auto& [key, seen] : ending_.objects) JudgeObject(key, seen);
    for (const Theirs& theirs : ending_.theirs) JudgeTheirs(theirs);
    if (ending_.done.ok()) {
      for (const auto& [path, bytes] : operation_.after) JudgeOurs(path, bytes);
    }
    for (const role::QueueEntry& entry : ending_.queue) JudgeEntry(entry);
    for (const auto& [path, name] : ending_.names) JudgeState(path, name);
    return std::move(violations_);
  }

 private:
  void Add(const char* when, const std::string& key, const std::string& bytes) {
    if (!IsDirectory(key)) versions_.Add(Concat(key, " ", when), bytes);
  }
  void Fail(Fault fault, std::string text) { violations_.push_back({fault, std::move(text)}); }

  // The entry of a file with several names has the path of one of them.
  bool IsOf(const role::QueueEntry& entry, const std::string& path) const {
    if (PathOf(entry) == path) return true;
    const auto name = ending_.names.find(path);
    return name != ending_.names.end() && entry.ino && entry.ino == name->second.ino;
  }
  const role::QueueEntry* EntryOf(const std::string& path) const {
    for (const role::QueueEntry& entry : ending_.queue) {
      if (PathOf(entry).starts_with(path + "/")) return &entry;
      for (size_t end = path.size(); end != std::string::npos; end = path.rfind('/', end - 1)) {
        if (IsOf(entry, path.substr(0, end))) return &entry;
      }
    }
    return nullptr;
  }
  // Why the mount and the source may differ there.
  bool IsExplained(const std::string& path) const {
    const auto name = ending_.names.find(path);
    const bool conflict = name != ending_.names.end() && name->second.state == kConflict;
    return conflict || EntryOf(path) != nullptr;
  }

  // An object of a file that waits to be moved to its new name, or to be uploaded there.
  bool WaitsToLeave(const std::string& key, const std::string& bytes) const {
    const auto before = operation_.before.find(key);
    const bool base = before != operation_.before.end() && before->second == bytes &&
                      !operation_.after.contains(key);
    return std::any_of(ending_.names.begin(), ending_.names.end(), [&](const auto& name) {
      const bool is_its =
          name.second.bytes == bytes || (base && operation_.after.contains(name.first));
      return is_its && name.second.state != kConflict && EntryOf(name.first) != nullptr;
    });
  }

  void JudgeName(const std::string& path, const Name& name, const char* when) {
    for (const Status& error : name.errors) {
      if (ErrnoOf(error.code()) != EIO) {
        Fail(Fault::kWrongError, Concat("read ", path, " ", when, ": ", error));
      }
    }
    if (name.directory || (!name.bytes && name.readable.empty())) return;
    const bool one =
        name.bytes ? !versions_.NameOf(*name.bytes).empty() : versions_.HasParts(name.readable);
    if (!one) {
      Fail(Fault::kMixed, Concat(path, " in the mount ", when, ": ",
                                 Describe(name.bytes ? *name.bytes : name.readable.back())));
    }
  }

  void JudgeObject(const std::string& key, const Seen& seen) {
    if (key.find(".tarn-") != std::string::npos) return Fail(Fault::kLeftBehind, key);
    if (IsDirectory(key)) return;
    if (versions_.NameOf(seen.bytes).empty()) {
      Fail(Fault::kMixed, Concat(key, " in the source: ", Describe(seen.bytes)));
    }
    const auto name = ending_.names.find(key);
    if (IsExplained(key) || WaitsToLeave(key, seen.bytes) || IsHidden(key)) return;
    if (name == ending_.names.end() || name->second.directory) {
      return Fail(Fault::kUnseen, Concat(key, " of the source: ", Describe(seen.bytes)));
    }
    if (name->second.bytes && *name->second.bytes != seen.bytes) {
      Fail(Fault::kDiffers,
           Concat(key, " (", name->second.state, "): the mount has ", Describe(*name->second.bytes),
                  ", the source ", Describe(seen.bytes)));
    }
  }

  // The other program's version was renamed here, and the log says so. The contents of a renamed
  // directory move with it. Bytes written into a file with several names are at all of them.
  bool WentAlong(const Theirs& theirs) const {
    const bool silent = theirs.key.find('/') != std::string::npos ||
                        one_.action == Action::kInPlace || one_.kill.done;
    if (!silent && !outside::Names(ending_.log, theirs.key)) return false;
    return std::any_of(ending_.objects.begin(), ending_.objects.end(), [&](const auto& object) {
      return object.second.bytes == theirs.seen.bytes && ending_.names.contains(object.first);
    });
  }
  // In an object store an object beside a directory of its name is not shown (doc/s3.md).
  bool IsHidden(const std::string& key) const {
    const auto below = ending_.objects.lower_bound(key + "/");
    return one_.kind != Kind::kLocal && ending_.objects.contains(key) &&
           below != ending_.objects.end() && below->first.starts_with(key + "/");
  }

  void JudgeTheirs(const Theirs& theirs) {
    const auto now = ending_.objects.find(theirs.key);
    const bool there = now != ending_.objects.end();
    if (there && now->second == theirs.seen) return;
    if (!there && operation_.moves && WentAlong(theirs)) return;
    const auto& allowed = operation_.overwrites;
    const bool may = std::find(allowed.begin(), allowed.end(), theirs.key) != allowed.end();
    const auto ours = operation_.after.find(theirs.key);
    const bool is_ours =
        there && may && ours != operation_.after.end() && ours->second == now->second.bytes;
    // This holds for equal bytes too, since both may be empty. A process that is killed right after
    // the change cannot write its line.
    if (is_ours && (one_.kill.done || outside::Names(ending_.log, theirs.key))) return;
    if (there && now->second.bytes == theirs.seen.bytes) {
      return Fail(Fault::kTheirsSet, Concat(theirs.key, ": ", theirs.seen.attributes, " became ",
                                            now->second.attributes));
    }
    Fail(Fault::kTheirsGone,
         Concat(theirs.key, " of the other program (", Describe(theirs.seen.bytes), "): now ",
                there ? Describe(now->second.bytes) : "gone",
                is_ours ? ", and the log does not say so" : ""));
  }

  bool IsNew(const std::string& bytes) const {
    return std::none_of(operation_.before.begin(), operation_.before.end(),
                        [&](const auto& old) { return old.second == bytes; });
  }
  // A change by the other program after the result was in the source is an ordinary change. It may
  // have been made by another name of the file.
  bool WasThere(const std::string& path) const {
    if (!ending_.persisted.contains(path)) return false;
    const auto now = ending_.objects.find(path);
    const bool theirs = now != ending_.objects.end() && IsTheirs(now->second.bytes);
    return theirs || path == one_.victim || path.starts_with(one_.victim + "/");
  }
  bool IsTheirs(const std::string& bytes) const {
    return std::any_of(ending_.theirs.begin(), ending_.theirs.end(),
                       [&](const Theirs& theirs) { return theirs.seen.bytes == bytes; });
  }

  void JudgeOurs(const std::string& path, const std::string& bytes) {
    const auto name = ending_.names.find(path);
    if (!IsNew(bytes) || WasThere(path) || IsHidden(path)) return;
    if (name == ending_.names.end() || name->second.directory) {
      return Fail(Fault::kOursGone, Concat(path, " is not in the mount"));
    }
    if (!name->second.bytes || *name->second.bytes == bytes) return;
    Fail(Fault::kOursGone,
         Concat(path, " (", name->second.state, ") has ", Describe(*name->second.bytes)));
  }

  void JudgeEntry(const role::QueueEntry& entry) {
    const bool conflict = std::string(role::PersistStateName(entry.state)) == kConflict;
    if (conflict || !entry.last_error.empty()) return;
    Fail(Fault::kWaits, Concat(PathOf(entry), " (", entry.what, ") waits, tries ", entry.attempts,
                               ", without a reason"));
  }

  // The source alone had all of its bytes, perhaps under another of its names, until the other
  // program acted. The log says so.
  bool WentWithTheirs(const std::string& path, const Name& name) const {
    const auto ours = operation_.after.find(path);
    if (name.bytes || ours == operation_.after.end()) return false;
    if (ending_.log.find("is LOST") == std::string::npos) return false;
    const auto& persisted = ending_.persisted;
    return !IsNew(ours->second) ||
           std::any_of(persisted.begin(), persisted.end(), [&](const std::string& other) {
             return operation_.after.at(other) == ours->second;
           });
  }

  void JudgeState(const std::string& path, const Name& name) {
    if (name.directory) return;
    if (name.state == kLost && WentWithTheirs(path, name)) return;
    if (name.state != kPersisted && !IsExplained(path)) {
      return Fail(Fault::kWaits, Concat(path, " is ", name.state, " and nothing waits for it"));
    }
    if (!name.errors.empty() && !IsExplained(path)) {
      return Fail(Fault::kWaits, Concat(path, " (", name.state, ") cannot be read, without a ",
                                        "reason: ", name.errors.front()));
    }
    if (name.bytes && !ending_.objects.contains(path) && !IsExplained(path)) {
      Fail(Fault::kDiffers, Concat(path, " (", name.state, ") is not in the source"));
    }
  }

  const Operation& operation_;
  const Case& one_;
  const Ending& ending_;
  Versions versions_;
  std::vector<Violation> violations_;
};

}  // namespace

const char* NameOf(Fault fault) {
  switch (fault) {
    case Fault::kMixed:
      return "two versions in one file";
    case Fault::kTheirsGone:
      return "an object of the other program is gone";
    case Fault::kTheirsSet:
      return "attributes of the other program's object were set";
    case Fault::kOursGone:
      return "acknowledged bytes are gone";
    case Fault::kWaits:
      return "something waits without a reason";
    case Fault::kWrongError:
      return "another error than EIO";
    case Fault::kUnseen:
      return "an object is not seen";
    case Fault::kDiffers:
      return "the mount differs from the source";
    case Fault::kLeftBehind:
      return "an upload is left behind";
  }
  return "";
}

std::vector<Violation> Judge(const Case& one, const Ending& ending) {
  return Judgement(one, ending).All();
}

}  // namespace tarn::outside
