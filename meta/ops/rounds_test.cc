// What each operation costs a store on another machine (kv/testing/counting_store.h). The table of
// doc/metadata.md, "Read rounds", is taken from here.

#include <functional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "kv/testing/counting_store.h"
#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

using role::FileType;

std::string Text(const kv::Counts& counts) {
  return Concat(counts.rounds, " rounds, ", counts.transactions, " transactions, ", counts.commits,
                " commits, ", counts.durable, " durable");
}

struct Cost {
  uint64_t rounds = 0;
  uint64_t transactions = 1;
  uint64_t commits = 0;
  uint64_t durable = 0;
};
constexpr Cost Reads(uint64_t rounds) { return {rounds, 1, 0, 0}; }
constexpr Cost Changes(uint64_t rounds) { return {rounds, 1, 1, 0}; }

// Two directories are between a name in dir_ and the root of the mount. All that the tests use is
// persisted, and the process remembers where the directories are.
class RoundsTest : public NamespaceFixture {
 protected:
  RoundsTest() : below_(std::move(store_)) {
    auto counting = std::make_unique<kv::CountingStore>(*below_);
    counting_ = counting.get();
    store_ = std::move(counting);
    options_.persist_delay = Nanos(0);
    Open();
    above_ = MakeDir(kRootInode, "above");
    dir_ = MakeDir(above_, "dir");
    other_ = MakeDir(above_, "other");
    Persist();
    for (InodeId dir : {above_, dir_, other_}) Make(dir, "first");
  }
  ~RoundsTest() override {
    namespace_.reset();
    store_.reset();  // Before the store below it.
  }

  role::PersistQueue& queue() { return namespace_->GetPersistQueue(); }

  // Does what a worker does, except for the changes of the source.
  void Persist() {
    while (PersistSome()) clock_.SleepFor(std::chrono::seconds(2), {});
  }
  bool PersistSome() {
    auto tasks = queue().Lease(role::TaskClass::kSmall, 1000, Nanos(0));
    EXPECT_TRUE(tasks.ok()) << tasks.status().ToString();
    if (!tasks.ok()) return false;
    for (const role::Task& task : *tasks) {
      auto action = queue().Prepare(task);
      EXPECT_TRUE(action.ok()) << action.status().ToString();
      if (action.ok()) Settle(task, *action);
    }
    return !tasks->empty();
  }
  void Settle(const role::Task& task, const role::Action& action) {
    using Kind = role::Action::Kind;
    if (action.kind == Kind::kDone || action.kind == Kind::kWait) return;
    role::PersistQueue::Settled item{task, action, {}};
    item.outcome.etag = "version";
    item.outcome.size_bytes = action.size_bytes;
    const auto settled = queue().Settle(std::span(&item, 1));
    EXPECT_TRUE(settled.front().ok()) << settled.front().status().ToString();
  }

  InodeId MakePersisted(InodeId dir, std::string_view name) {
    const InodeId ino = Make(dir, name);
    EXPECT_TRUE(Commit(ino, 10).ok());
    Persist();
    EXPECT_EQ(AttrOf(ino).persist, role::PersistState::kPersisted);
    return ino;
  }
  InodeId MakePersistedDir(InodeId dir, std::string_view name) {
    const InodeId ino = MakeDir(dir, name);
    Persist();
    EXPECT_EQ(AttrOf(ino).persist, role::PersistState::kPersisted);
    return ino;
  }
  // Makes files without a name that were persisted.
  std::vector<InodeId> Orphans(int count) {
    std::vector<InodeId> inos;
    for (int i = 0; i < count; ++i) inos.push_back(Make(dir_, Concat("orphan", i)));
    for (InodeId ino : inos) EXPECT_TRUE(Commit(ino, 10).ok());
    Persist();
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(names().Unlink(caller_, dir_, Concat("orphan", i)).ok());
    }
    return inos;
  }

  void ExpectCost(std::string_view operation, const Cost& cost, Code code,
                  const std::function<Code()>& run) {
    (void)counting_->Take();
    EXPECT_EQ(run(), code) << operation;
    const kv::Counts expected{cost.transactions, cost.rounds, cost.commits, cost.durable};
    const kv::Counts counted = counting_->Take();
    EXPECT_EQ(counted, expected) << operation << ": " << Text(counted) << "; not "
                                 << Text(expected);
  }
  void ExpectCost(std::string_view operation, const Cost& cost, const std::function<Code()>& run) {
    ExpectCost(operation, cost, Code::kOk, run);
  }

  std::unique_ptr<kv::Store> below_;
  kv::CountingStore* counting_ = nullptr;
  InodeId above_;
  InodeId dir_;
  InodeId other_;
};

TEST_F(RoundsTest, LookupAndGetattr) {
  const InodeId file = MakePersisted(dir_, "f");
  ExpectCost("lookup of a file", Reads(2), [&] { return Look(dir_, "f"); });
  ExpectCost("lookup of a directory", Reads(2), [&] { return Look(above_, "dir"); });
  ExpectCost("lookup of a name that does not exist", Reads(1), Code::kNotFound,
             [&] { return Look(dir_, "none"); });
  ExpectCost("getattr of a file", Reads(1), [&] { return files().GetAttr(file).code(); });
  ExpectCost("getattr of a directory", Reads(1), [&] { return files().GetAttr(dir_).code(); });
  ExpectCost("getattr of the root", Reads(1), [&] { return files().GetAttr(kRootInode).code(); });
  ExpectCost("open for reading", Reads(1), [&] { return files().GetKnownAttr(file).code(); });
  ExpectCost("open for writing", Reads(1), [&] {
    const Code code = namespace_->GetWriters().OpenForWrite(file).code();
    namespace_->GetWriters().CloseForWrite(file);
    return code;
  });
}

TEST_F(RoundsTest, ReaddirWithAttributes) {
  MakePersistedDir(dir_, "d");
  MakePersisted(dir_, "f");
  const auto list = [&](uint64_t cursor) {
    const auto page = names().ReadDir(caller_, dir_, cursor, 2, role::Names::WithAttrs::kYes);
    EXPECT_EQ(page.ok() ? page->entries.size() : 0, cursor == 0 ? 2u : 1u);
    return page.code();
  };
  const auto first = names().ReadDir(caller_, dir_, 0, 2, role::Names::WithAttrs::kNo);
  ASSERT_TRUE(first.ok());
  ExpectCost("readdir, first page", Reads(2), [&] { return list(0); });
  ExpectCost("readdir, next page", Reads(2), [&] { return list(first->entries.back().cursor); });
  ExpectCost("parent of a directory", Reads(1), [&] { return names().ParentOf(dir_).code(); });
}

TEST_F(RoundsTest, NewNames) {
  const InodeId file = MakePersisted(dir_, "f");
  const auto make = [&](std::string_view name, FileType type) {
    return TryMake(dir_, name, type).code();
  };
  ExpectCost("create", Changes(1), [&] { return make("new", FileType::kRegular); });
  ExpectCost("mkdir", Changes(1), [&] { return make("made", FileType::kDirectory); });
  ExpectCost("symlink", Changes(1), [&] { return make("symlink", FileType::kSymlink); });
  ExpectCost("link", Changes(1), [&] { return names().Link(caller_, file, dir_, "l").code(); });
}

TEST_F(RoundsTest, CommitsAndAttributes) {
  const InodeId file = Make(dir_, "f");
  role::WriteCommit commit;
  commit.generation = Generation(1);
  commit.size_bytes = 10;
  ExpectCost("commit_write", Changes(1),
             [&] { return files().CommitWrite(caller_, file, commit).code(); });
  commit.base = Generation(1);
  commit.generation = Generation(2);
  commit.durable = true;
  ExpectCost("commit_write, durable", {1, 1, 1, 1},
             [&] { return files().CommitWrite(caller_, file, commit).code(); });
  const auto set = [&](InodeId ino) {
    role::AttrChange change;
    change.mode = 0700;
    return files().SetAttr(caller_, ino, change).code();
  };
  ExpectCost("setattr of a file", Changes(1), [&] { return set(file); });
  ExpectCost("setattr of a directory", Changes(1), [&] { return set(dir_); });
}

TEST_F(RoundsTest, UnlinkAndForget) {
  MakePersisted(dir_, "f");
  ExpectCost("unlink of a persisted file", Changes(3),
             [&] { return names().Unlink(caller_, dir_, "f").code(); });
  const std::vector<InodeId> orphans = Orphans(64);
  ExpectCost("forget of 64 persisted files", Changes(2),
             [&] { return files().Forget(orphans).code(); });
  Persist();
}

TEST_F(RoundsTest, Rmdir) {
  MakePersistedDir(dir_, "d");
  ExpectCost("rmdir", Changes(3), [&] { return names().Rmdir(caller_, dir_, "d").code(); });
  MakePersistedDir(dir_, "d");
  ASSERT_EQ(Rename(dir_, "d", dir_, "e"), Code::kOk);
  ExpectCost("rmdir of a renamed directory", Changes(3),
             [&] { return names().Rmdir(caller_, dir_, "e").code(); });
}

TEST_F(RoundsTest, RenameOfAFile) {
  MakePersisted(dir_, "f");
  ExpectCost("rename of a file", Changes(3), [&] { return Rename(dir_, "f", other_, "g"); });
  MakePersisted(dir_, "f");
  MakePersisted(other_, "over");
  ExpectCost("rename over a file", Changes(3), [&] { return Rename(dir_, "f", other_, "over"); });
}

TEST_F(RoundsTest, RenameOfADirectory) {
  const InodeId from = MakePersistedDir(dir_, "d");
  Make(from, "file");
  MakePersistedDir(other_, "over");
  ExpectCost("rename of a directory", Changes(3), [&] { return Rename(dir_, "d", other_, "d2"); });
  ExpectCost("rename over a directory", Changes(3),
             [&] { return Rename(other_, "d2", other_, "over"); });
}

TEST_F(RoundsTest, AfterARestartTheDirectoriesAboveAreReadOneByOneOnce) {
  Open();
  Make(kRootInode, "reserves inode numbers");
  ExpectCost("create after a restart", Changes(3),
             [&] { return TryMake(dir_, "a", FileType::kRegular).code(); });
  ExpectCost("create", Changes(1), [&] { return TryMake(dir_, "b", FileType::kRegular).code(); });
}

TEST_F(RoundsTest, ADirectoryThatAnotherCoordinatorMovedCostsRoundsAndNoMistake) {
  RootMount root;
  root.uri = "mem://";
  root.identity = "mem";
  auto other = OpenNamespace(*store_, mounts_, clock_, options_, root);
  ASSERT_TRUE(other.ok()) << other.status().ToString();
  const InodeId top = MakeDir(kRootInode, "top");
  ASSERT_TRUE((*other)
                  ->GetNames()
                  .Rename(caller_, kRootInode, "above", top, "moved", role::RenameMode::kReplace)
                  .ok());
  InodeId made;
  ExpectCost("create below a moved directory", Changes(2), [&] {
    const auto info = TryMake(dir_, "a", FileType::kRegular);
    if (info.ok()) made = info->attr.ino;
    return info.code();
  });
  EXPECT_EQ(maintenance().PathOf(made).value(), "/top/moved/dir/a");
  ExpectCost("create below it again", Changes(1),
             [&] { return TryMake(dir_, "b", FileType::kRegular).code(); });
}

TEST_F(RoundsTest, PersistOfASmallNewFile) {
  Persist();
  const InodeId file = Make(dir_, "f");
  ASSERT_TRUE(Commit(file, 10).ok());
  role::Task task;
  role::Action action;
  // Changes of the source must not be newer than the records that survive a power cut.
  ExpectCost("lease", {1, 1, 0, 1}, [&] {
    auto tasks = queue().Lease(role::TaskClass::kSmall, 10, Nanos(0));
    EXPECT_EQ(tasks.ok() ? tasks->size() : 0, 1u);
    if (tasks.ok() && !tasks->empty()) task = tasks->front();
    return tasks.code();
  });
  ExpectCost("prepare", Changes(2), [&] {
    auto prepared = queue().Prepare(task);
    if (prepared.ok()) action = *prepared;
    return prepared.code();
  });
  ASSERT_EQ(action.kind, role::Action::Kind::kUpload);
  ExpectCost("settle", Changes(1), [&] {
    Settle(task, action);
    return Code::kOk;
  });
  EXPECT_EQ(AttrOf(file).persist, role::PersistState::kPersisted);
}

}  // namespace
}  // namespace tarn::meta
