// Random operations on the namespace and on a model that is simple enough to be right. Commits lose
// races at random. The test prints its seed; TARN_SEED repeats a run.

#include <gmock/gmock.h>

#include <map>

#include "base/random.h"
#include "base/testing/random_seed.h"
#include "kv/memory.h"
#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

using role::FileType;
using role::RenameMode;

// The expected state of a file or directory.
struct Node {
  FileType type = FileType::kRegular;
  std::map<std::string, uint64_t> children;  // For a directory.
  uint64_t parent = 0;                       // For a directory.
  uint32_t nlink = 0;
  uint32_t mode = 0;
  uint64_t size_bytes = 0;
  uint64_t generation = 0;
  std::map<std::string, std::string> xattrs;
};

// A node has the inode number that the namespace gave it.
class Model {
 public:
  Model() {
    nodes_[kRootInode.value] = {FileType::kDirectory, {}, kRootInode.value, 1, 0755, 0, 0, {}};
  }

  std::map<uint64_t, Node>& nodes() { return nodes_; }
  Node& at(uint64_t ino) { return nodes_.at(ino); }
  bool IsDirectory(uint64_t ino) { return at(ino).type == FileType::kDirectory; }
  uint64_t Find(uint64_t dir, const std::string& name) {
    auto found = at(dir).children.find(name);
    return found == at(dir).children.end() ? 0 : found->second;
  }
  bool IsAbove(uint64_t above, uint64_t ino) {
    for (;; ino = at(ino).parent) {
      if (ino == above) return true;
      if (ino == kRootInode.value) return false;
    }
  }

  Code CanRename(uint64_t from, const std::string& name, uint64_t to, const std::string& new_name,
                 RenameMode mode) {
    const uint64_t source = Find(from, name), target = Find(to, new_name);
    if (source == 0) return Code::kNotFound;
    if (mode == RenameMode::kNoReplace && target != 0) return Code::kExists;
    if (mode == RenameMode::kExchange && target == 0) return Code::kNotFound;
    if (source == target) return Code::kOk;
    if (IsDirectory(source) && IsAbove(source, to)) return Code::kInvalid;
    if (mode == RenameMode::kExchange) {
      return IsDirectory(target) && IsAbove(target, from) ? Code::kInvalid : Code::kOk;
    }
    if (target == 0) return Code::kOk;
    if (IsDirectory(source) && !IsDirectory(target)) return Code::kNotDirectory;
    if (!IsDirectory(source) && IsDirectory(target)) return Code::kIsDirectory;
    return IsDirectory(target) && !at(target).children.empty() ? Code::kNotEmpty : Code::kOk;
  }
  void Rename(uint64_t from, const std::string& name, uint64_t to, const std::string& new_name,
              RenameMode mode) {
    const uint64_t source = Find(from, name), target = Find(to, new_name);
    if (source == target) return;
    at(from).children.erase(name);
    Put(to, new_name, source);
    if (mode == RenameMode::kExchange) {
      Put(from, name, target);
    } else if (target != 0) {
      Drop(target);
    }
  }
  void Put(uint64_t dir, const std::string& name, uint64_t ino) {
    at(dir).children[name] = ino;
    if (IsDirectory(ino)) at(ino).parent = dir;
  }
  void Drop(uint64_t ino) {
    if (--at(ino).nlink == 0) nodes_.erase(ino);
  }

 private:
  std::map<uint64_t, Node> nodes_;
};

class ModelTest : public NamespaceFixture {
 protected:
  explicit ModelTest(uint64_t seed = SeedOfTest())
      : NamespaceFixture(Conflicts(seed)), seed_(seed), random_(seed) {}

  static kv::MemoryFaults Conflicts(uint64_t seed) {
    kv::MemoryFaults faults;
    faults.conflict = 0.2;
    faults.seed = seed;
    return faults;
  }

  uint64_t AnyDirectory() {
    std::vector<uint64_t> directories;
    for (const auto& [ino, node] : model_.nodes()) {
      if (node.type == FileType::kDirectory) directories.push_back(ino);
    }
    return directories[random_.Uniform(directories.size())];
  }
  uint64_t AnyNode() {
    auto node = model_.nodes().begin();
    std::advance(node, static_cast<int64_t>(random_.Uniform(model_.nodes().size())));
    return node->first;
  }
  std::string AnyName() { return "n" + std::to_string(random_.Uniform(6)); }

  void Create() {
    static constexpr FileType kTypes[] = {FileType::kRegular, FileType::kDirectory,
                                          FileType::kDirectory, FileType::kSymlink,
                                          FileType::kFifo};
    const uint64_t dir = AnyDirectory();
    const std::string name = AnyName();
    const FileType type = kTypes[random_.Uniform(std::size(kTypes))];
    auto made = TryMake(InodeId(dir), name, type);
    ASSERT_EQ(made.code(), model_.Find(dir, name) != 0 ? Code::kExists : Code::kOk) << name;
    if (!made.ok()) return;
    const uint32_t mode = type == FileType::kSymlink ? 0777 : 0644;
    model_.nodes()[made->attr.ino.value] = {type, {}, dir, 1, mode, 0, 0, {}};
    model_.Put(dir, name, made->attr.ino.value);
  }
  void Unlink() {
    const uint64_t dir = AnyDirectory();
    const std::string name = AnyName();
    const uint64_t ino = model_.Find(dir, name);
    const Code expected = ino == 0                  ? Code::kNotFound
                          : model_.IsDirectory(ino) ? Code::kNotPermitted
                                                    : Code::kOk;
    auto gone = names().Unlink(caller_, InodeId(dir), name);
    ASSERT_EQ(gone.code(), expected);
    if (expected != Code::kOk) return;
    ASSERT_EQ(gone->attr.nlink, model_.at(ino).nlink - 1);
    model_.at(dir).children.erase(name);
    model_.Drop(ino);
    if (gone->attr.nlink == 0) {
      ASSERT_TRUE(files().Forget(InodeId(ino)).ok());
    }
  }
  void Rmdir() {
    const uint64_t dir = AnyDirectory();
    const std::string name = AnyName();
    const uint64_t ino = model_.Find(dir, name);
    const Code expected = ino == 0                           ? Code::kNotFound
                          : !model_.IsDirectory(ino)         ? Code::kNotDirectory
                          : !model_.at(ino).children.empty() ? Code::kNotEmpty
                                                             : Code::kOk;
    ASSERT_EQ(names().Rmdir(caller_, InodeId(dir), name).code(), expected);
    if (expected != Code::kOk) return;
    model_.at(dir).children.erase(name);
    model_.Drop(ino);
  }
  void RenameAny() {
    const uint64_t from = AnyDirectory(), to = random_.Chance(0.3) ? from : AnyDirectory();
    const std::string name = AnyName(), new_name = AnyName();
    const auto mode = static_cast<RenameMode>(random_.Uniform(3));
    const Code expected = model_.CanRename(from, name, to, new_name, mode);
    ASSERT_EQ(Rename(InodeId(from), name, InodeId(to), new_name, mode), expected)
        << from << "/" << name << " to " << to << "/" << new_name << " mode "
        << static_cast<int>(mode);
    if (expected == Code::kOk) model_.Rename(from, name, to, new_name, mode);
  }
  void LinkAny() {
    const uint64_t ino = AnyNode(), dir = AnyDirectory();
    const std::string name = AnyName();
    const Code expected = model_.Find(dir, name) != 0 ? Code::kExists
                          : model_.IsDirectory(ino)   ? Code::kNotPermitted
                                                      : Code::kOk;
    ASSERT_EQ(names().Link(caller_, InodeId(ino), InodeId(dir), name).code(), expected);
    if (expected != Code::kOk) return;
    ++model_.at(ino).nlink;
    model_.Put(dir, name, ino);
  }
  void CommitAny() {
    const uint64_t ino = AnyNode();
    Node& node = model_.at(ino);
    const uint64_t base = node.generation - (random_.Chance(0.1) ? 1 : 0);
    role::WriteCommit commit{
        Generation(base), Generation(base + 2), random_.Uniform(1000), {}, 5, true, false};
    const Code expected = node.type != FileType::kRegular || base + 2 <= base ? Code::kInvalid
                          : base != node.generation                           ? Code::kStale
                                                                              : Code::kOk;
    ASSERT_EQ(files().CommitWrite(caller_, InodeId(ino), commit).code(), expected);
    if (expected != Code::kOk) return;
    node.generation = base + 2;
    node.size_bytes = commit.size_bytes;
  }
  void SetAny() {
    const uint64_t ino = AnyNode();
    if (ino == kRootInode.value) return;
    role::AttrChange change;
    change.mode = model_.at(ino).mode = static_cast<uint32_t>(random_.Uniform(0777));
    ASSERT_TRUE(files().SetAttr(caller_, InodeId(ino), change).ok());
    const std::string name = "user." + AnyName();
    model_.at(ino).xattrs[name] = name;
    ASSERT_TRUE(files().SetXattr(caller_, InodeId(ino), name, name, role::XattrMode::kAny).ok());
  }

  void Step() {
    switch (random_.Uniform(10)) {
      case 0:
      case 1:
      case 2:
        return Create();
      case 3:
        return Unlink();
      case 4:
        return Rmdir();
      case 5:
      case 6:
        return RenameAny();
      case 7:
        return LinkAny();
      case 8:
        return CommitAny();
      default:
        return SetAny();
    }
  }

  void CheckNode(uint64_t ino, const Node& node) {
    const role::Attr attr = AttrOf(InodeId(ino));
    ASSERT_EQ(attr.type, node.type);
    ASSERT_EQ(attr.generation.value, node.generation);
    if (node.type == FileType::kRegular) {
      ASSERT_EQ(attr.size_bytes, node.size_bytes);
    }
    if (ino != kRootInode.value) {
      ASSERT_EQ(attr.mode, node.mode);
    }
    uint32_t subdirs = 0;
    for (const auto& [name, child] : node.children) subdirs += model_.IsDirectory(child);
    ASSERT_EQ(attr.nlink, node.type == FileType::kDirectory ? 2 + subdirs : node.nlink);
    ASSERT_EQ((*files().ListXattrs(InodeId(ino))).size(), node.xattrs.size());
  }
  void CheckNames(uint64_t dir, const Node& node) {
    std::map<std::string, uint64_t> listed;
    auto listing = names().ReadDir(caller_, InodeId(dir), 0, 100, role::Names::WithAttrs::kYes);
    ASSERT_TRUE(listing.ok());
    for (const role::DirEntry& entry : listing->entries) {
      ASSERT_TRUE(listed.emplace(entry.name, entry.ino.value).second);
      ASSERT_EQ(entry.attr->ino, entry.ino);
      ASSERT_EQ(Find(InodeId(dir), entry.name), entry.ino);
    }
    ASSERT_EQ(listed, node.children);
  }
  // A path leads back to its inode.
  void CheckPath(uint64_t ino) {
    auto path = maintenance().PathOf(InodeId(ino));
    ASSERT_TRUE(path.ok()) << path.status().ToString();
    uint64_t at = kRootInode.value;
    for (size_t begin = 1; begin < path->size();) {
      const size_t end = std::min(path->find('/', begin), path->size());
      at = model_.Find(at, path->substr(begin, end - begin));
      ASSERT_NE(at, 0U) << *path;
      begin = end + 1;
    }
    ASSERT_EQ(at, ino) << *path;
  }
  void CheckAll() {
    for (const auto& [ino, node] : model_.nodes()) {
      CheckNode(ino, node);
      CheckPath(ino);
      if (node.type == FileType::kDirectory) CheckNames(ino, node);
    }
    size_t orphans = 0;
    ASSERT_TRUE(maintenance().ListOrphans([&](InodeId) { return ++orphans, OkStatus(); }).ok());
    ASSERT_EQ(orphans, 0U);
  }
  // Forgets replaced files, like a client that has none of them open.
  void ForgetOrphans() {
    std::vector<InodeId> orphans;
    ASSERT_TRUE(maintenance()
                    .ListOrphans([&](InodeId ino) { return orphans.push_back(ino), OkStatus(); })
                    .ok());
    for (InodeId ino : orphans) {
      ASSERT_FALSE(model_.nodes().contains(ino.value));
      ASSERT_TRUE(files().Forget(ino).ok());
    }
  }

  const uint64_t seed_;
  Random random_;
  Model model_;
};

TEST_F(ModelTest, RandomOperationsAgreeWithTheModel) {
  SCOPED_TRACE("TARN_SEED=" + std::to_string(seed_));
  for (int step = 0; step < 6000; ++step) {
    ASSERT_NO_FATAL_FAILURE(Step()) << "step " << step;
    if (step % 250 != 249) continue;
    ASSERT_NO_FATAL_FAILURE(ForgetOrphans());
    ASSERT_NO_FATAL_FAILURE(CheckAll()) << "step " << step;
  }
  Open();
  ASSERT_NO_FATAL_FAILURE(CheckAll());
}

}  // namespace
}  // namespace tarn::meta
