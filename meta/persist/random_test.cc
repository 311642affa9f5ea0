// Random changes of names and contents while the worker takes steps, holds them back, fails and
// dies at random. Now and then the queue is drained, and namespace and UFS must equal a simple
// model. TARN_SEED sets another seed.

#include "base/random.h"

#include <algorithm>

#include "base/strings.h"
#include "base/testing/random_seed.h"
#include "base/testing/temporary_directory.h"
#include "kv/memory.h"
#include "meta/testing/rig.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

// Maps each path to its file. The path of a directory ends in '/'.
struct Model {
  std::map<std::string, int> names;
  std::map<int, std::string> bytes;
  int next = 1;

  Tree AsTree() const {
    Tree tree;
    for (const auto& [path, file] : names) tree[path] = file == 0 ? "" : bytes.at(file);
    return tree;
  }
  bool IsEmpty(const std::string& dir) const {
    auto behind = names.upper_bound(dir);
    return behind == names.end() || !behind->first.starts_with(dir);
  }
  void MoveTree(const std::string& from, const std::string& to) {
    std::map<std::string, int> moved;
    for (auto it = names.lower_bound(from); it != names.end() && it->first.starts_with(from);) {
      moved[to + it->first.substr(from.size())] = it->second;
      it = names.erase(it);
    }
    names.merge(moved);
  }
};

class RandomRun {
 public:
  RandomRun(uint64_t seed, Rig& rig, const Tree& before) : random_(seed), rig_(rig) {
    for (const auto& [path, bytes] : before) {
      model_.names[path] = path.back() == '/' ? 0 : model_.next;
      if (path.back() != '/') model_.bytes[model_.next++] = bytes;
    }
  }

  void Go(int operations) {
    for (int i = 0; i < operations && !::testing::Test::HasFailure(); ++i) {
      Disturb();
      One();
      if (random_.Chance(0.02)) rig_.ExpectAtEnd(model_.AsTree());
    }
    if (!::testing::Test::HasFailure()) rig_.ExpectAtEnd(model_.AsTree());
    if (!::testing::Test::HasFailure()) return;
    std::string all;
    for (const std::string& line : log_) all += "\n  " + line;
    ADD_FAILURE() << "after:" << all;
  }

 private:
  std::string Pick(bool directory, bool file) {
    std::vector<std::string> fitting;
    for (const auto& [path, id] : model_.names) {
      if (id == 0 ? directory : file) fitting.push_back(path);
    }
    return fitting.empty() ? "" : fitting[random_.Uniform(fitting.size())];
  }
  std::string NewPath() {
    std::string dir = random_.Chance(0.4) ? "" : Pick(true, false);
    if (std::count(dir.begin(), dir.end(), '/') > 2) dir = "";
    return dir + std::string(1, static_cast<char>('a' + random_.Uniform(4)));
  }
  bool Exists(const std::string& path) {
    return model_.names.contains(path) || model_.names.contains(path + "/");
  }
  void Log(std::string line) { log_.push_back(std::move(line)); }

  void Disturb() {
    constexpr Pace kPaces[] = {Pace::kNothing, Pace::kOneStep, Pace::kOneStep, Pace::kHoldPrepared,
                               Pace::kHoldDone};
    rig_.SetPace(kPaces[random_.Uniform(std::size(kPaces))]);
    if (random_.Chance(0.05)) rig_.CrashAt(static_cast<int>(1 + random_.Uniform(6)));
    if (random_.Chance(0.1)) {
      const Code codes[] = {Code::kUnavailable, Code::kMaybeCommitted, Code::kIo, Code::kBusy};
      rig_.FailAt(static_cast<int>(1 + random_.Uniform(4)),
                  Status(codes[random_.Uniform(std::size(codes))], "at random"),
                  random_.Chance(0.5) ? Rig::Effect::kDone : Rig::Effect::kNone);
    }
    if (random_.Chance(0.02)) {
      Log("restart");
      rig_.Restart();
    }
    for (uint64_t steps = random_.Uniform(3); steps > 0; --steps) rig_.OneStep();
  }

  void One() {
    switch (random_.Uniform(13)) {
      case 0:
      case 1:
      case 2:
        return Put();
      case 3:
        return Append();
      case 4:
        return Remove();
      case 5:
        return MakeDir();
      case 6:
        return RemoveDir();
      case 7:
        return random_.Chance(0.5) ? Link() : Exchange();
      case 8:
        return Exchange();
      case 9:
        return Look();
      case 10:
        return SetTime();
      default:
        return Move();
    }
  }

  void Look() {
    const std::string path = NewPath();
    Log(Concat("look ", path));
    EXPECT_EQ(rig_.Has(path), Exists(path)) << path;
  }
  void Put() {
    const std::string path = NewPath();
    if (model_.names.contains(path + "/")) return;
    const std::string bytes = Concat("bytes ", model_.next);
    Log(Concat("put ", path, ": ", bytes));
    int& file = model_.names[path];
    if (file == 0) file = model_.next++;
    model_.bytes[file] = bytes;
    rig_.Put(path, bytes);
  }
  void Append() {
    const std::string path = Pick(false, true);
    if (path.empty()) return;
    Log(Concat("append ", path));
    model_.bytes[model_.names[path]] += "+";
    rig_.Append(path, "+");
  }
  void SetTime() {
    const std::string path = Pick(false, true);
    if (path.empty()) return;
    const auto seconds = static_cast<int64_t>(1 + random_.Uniform(1'000'000));
    Log(Concat("touch ", path, ": ", seconds));
    rig_.SetTime(path, seconds * 1'000'000'000);
  }
  void Remove() {
    const std::string path = Pick(false, true);
    if (path.empty()) return;
    Log(Concat("rm ", path));
    model_.names.erase(path);
    rig_.Remove(path);
  }
  void MakeDir() {
    const std::string path = NewPath();
    if (Exists(path)) return;
    Log(Concat("mkdir ", path));
    model_.names[path + "/"] = 0;
    rig_.MakeDir(path);
  }
  void RemoveDir() {
    const std::string path = Pick(true, false);
    if (path.empty() || !model_.IsEmpty(path)) return;
    Log(Concat("rmdir ", path));
    model_.names.erase(path);
    rig_.RemoveDir(path.substr(0, path.size() - 1));
  }
  void Link() {
    const std::string from = Pick(false, true);
    const std::string to = NewPath();
    if (from.empty() || Exists(to)) return;
    Log(Concat("ln ", from, " ", to));
    model_.names[to] = model_.names[from];
    rig_.Link(from, to);
  }
  void Move() {
    const std::string from = Pick(true, true);
    std::string to = NewPath();
    if (from.empty()) return;
    const bool directory = from.back() == '/';
    if (directory) to += '/';
    const std::string other = directory ? to.substr(0, to.size() - 1) : to + "/";
    if (to.starts_with(from) || model_.names.contains(other)) return;
    if (directory && model_.names.contains(to) && !model_.IsEmpty(to)) return;
    if (!directory && model_.names.contains(to) && model_.names[to] == model_.names[from]) return;
    Log(Concat("mv ", from, " ", to));
    if (directory) {
      model_.names.erase(to);
      model_.MoveTree(from, to);
    } else {
      model_.names[to] = model_.names[from];
      model_.names.erase(from);
    }
    const size_t slash = directory ? 1 : 0;
    rig_.Move(from.substr(0, from.size() - slash), to.substr(0, to.size() - slash));
  }
  void Exchange() {
    const std::string a = Pick(true, true);
    const std::string b = Pick(true, true);
    if (a.empty() || a == b || a.starts_with(b) || b.starts_with(a)) return;
    const bool dir_a = a.back() == '/', dir_b = b.back() == '/';
    if (!dir_a && !dir_b && model_.names[a] == model_.names[b]) return;
    const std::string bare_a = a.substr(0, a.size() - dir_a),
                      bare_b = b.substr(0, b.size() - dir_b);
    if (bare_a.starts_with(bare_b + "/") || bare_b.starts_with(bare_a + "/")) return;
    Log(Concat("exchange ", a, " ", b));
    const auto take = [&](const std::string& path, const std::string& aside) {
      if (path.back() == '/') {
        model_.MoveTree(path, aside + "/");
      } else {
        model_.names[aside] = model_.names[path];
        model_.names.erase(path);
      }
    };
    take(a, "?");
    take(b, bare_a);
    take(dir_a ? "?/" : "?", bare_b);
    rig_.Exchange(bare_a, bare_b);
  }

  Random random_;
  Rig& rig_;
  Model model_;
  std::vector<std::string> log_;
};

const Tree kBefore = {{"a/", ""},     {"a/a", "1"}, {"a/b", "2"}, {"a/c/", ""},
                      {"a/c/a", "3"}, {"b", "4"},   {"c/", ""},   {"c/a", "5"}};

// Commits also lose races at random.
kv::MemoryFaults Conflicts(uint64_t seed) {
  kv::MemoryFaults faults;
  faults.conflict = 0.05;
  faults.seed = seed + 1;
  return faults;
}

// Directories that were never listed before they are renamed.
Tree Unlisted() {
  Tree tree;
  for (const std::string top : {"a/", "b/", "c/"}) {
    tree[top] = "";
    for (const std::string dir : {"", "c/", "d/"}) {
      tree[top + dir] = "";
      for (const std::string name : {"a", "b"}) tree[top + dir + name] = "in " + top + dir + name;
    }
  }
  return tree;
}

struct Plan {
  Tree before;
  uint64_t runs = 0;
  int operations = 0;
};
const Plan kLong{kBefore, 4, 150};
const Plan kShort{Unlisted(), 40, 25};

void RunOnObjects(const Plan& plan, ufs::Markers markers) {
  const uint64_t seed = SeedOfTest(1);
  for (uint64_t run = 0; run < plan.runs; ++run) {
    SCOPED_TRACE(Concat("TARN_SEED=", seed + run));
    TickingClock clock;
    Rig rig(ufs::NewMemoryUfs(clock, markers), plan.before, Pace::kNothing, Conflicts(seed + run));
    RandomRun(seed + run, rig, plan.before).Go(plan.operations);
    if (::testing::Test::HasFailure()) return;
  }
}

void RunOnDirectory(const Plan& plan) {
  const uint64_t seed = SeedOfTest(1);
  for (uint64_t run = 0; run < plan.runs; ++run) {
    SCOPED_TRACE(Concat("TARN_SEED=", seed + run));
    TemporaryDirectory directory;
    Rig rig(*ufs::OpenLocalUfs(directory.path(), SystemClock()), plan.before, Pace::kNothing,
            Conflicts(seed + run));
    RandomRun(seed + run, rig, plan.before).Go(plan.operations);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(RandomPersistence, OfAnObjectStoreEndsAsTheModelSays) {
  RunOnObjects(kLong, ufs::Markers::kNone);
}

TEST(RandomPersistence, OfAnObjectStoreWithMarkersEndsAsTheModelSays) {
  RunOnObjects(kLong, ufs::Markers::kWritten);
}

TEST(RandomPersistence, OfALocalDirectoryEndsAsTheModelSays) { RunOnDirectory(kLong); }

TEST(RandomPersistence, OfUnlistedPrefixesEndsAsTheModelSays) {
  RunOnObjects(kShort, ufs::Markers::kNone);
}

TEST(RandomPersistence, OfUnlistedPrefixesWithMarkersEndsAsTheModelSays) {
  RunOnObjects(kShort, ufs::Markers::kWritten);
}

TEST(RandomPersistence, OfUnlistedDirectoriesEndsAsTheModelSays) { RunOnDirectory(kShort); }

}  // namespace
}  // namespace tarn::meta
