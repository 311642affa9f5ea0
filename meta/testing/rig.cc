#include "meta/testing/rig.h"

#include <cstring>

#include "base/encoding.h"
#include "base/strings.h"
#include "kv/memory.h"
#include "meta/store/keys.h"
#include "meta/store/records.h"

namespace tarn::meta {
namespace {

#define EXPECT_OK(expr)                                    \
  do {                                                     \
    const Status rig_status = (expr);                      \
    EXPECT_TRUE(rig_status.ok()) << rig_status.ToString(); \
  } while (false)

}  // namespace

void PutOutside(ufs::UnderFileSystem& ufs, const std::string& key, const std::string& bytes) {
  EXPECT_OK(PutBytes(ufs, key, bytes).status());
}

Rig::Rig(std::unique_ptr<ufs::UnderFileSystem> ufs, const Tree& before, Pace pace,
         const kv::MemoryFaults& faults)
    : store_(kv::NewMemoryStore(clock_, faults)), ufs_(ufs.get()), pace_(pace) {
  EXPECT_OK(mounts_.Add(MountId(1), std::move(ufs)));
  for (const auto& [path, bytes] : before) {
    if (path.back() != '/') {
      PutOutside(*ufs_, path, bytes);
    } else if (ufs_->Attributes() != nullptr || ufs_->Traits().writes_markers) {
      EXPECT_OK(MakeDirectoryIn(*ufs_, path.substr(0, path.size() - 1), 0755));
    }
  }
  options_.sync_interval = Nanos(-1);
  options_.persist_delay = Nanos(0);
  options_.retry_interval_max = std::chrono::seconds(1);
  // The UFS compares deadlines with the machine's clock, not with that of the test.
  options_.ufs_deadline = std::chrono::hours(100'000);
  options_.boot = "1";
  Open();
}

Rig::~Rig() = default;

void Rig::Open() {
  RootMount root;
  root.uri = "test://";
  root.identity = "test";
  auto opened = OpenNamespace(*store_, mounts_, clock_, options_, root);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  namespace_ = *std::move(opened);
}

MountId Rig::Mount(const std::string& path, std::unique_ptr<ufs::UnderFileSystem> ufs) {
  role::MountSpec spec;
  auto id = ns().GetMountTable().NewId();
  EXPECT_OK(id.status());
  spec.mount = id.value();
  EXPECT_OK(mounts_.Add(spec.mount, std::move(ufs)));
  spec.path = "/" + path;
  spec.uri = "test://" + path;
  spec.identity = path;
  EXPECT_OK(ns().GetMountTable().Mount(caller_, spec).status());
  return spec.mount;
}

void Rig::Reboot() {
  options_.boot += "1";
  Restart();
}

void Rig::Restart() {
  // A step that was done and not settled is unknown until the worker has looked.
  if (held_ && held_->outcome) ++crashes_;
  held_.reset();
  namespace_.reset();
  Open();
  std::vector<InodeId> orphans;
  EXPECT_OK(ns().GetMaintenance().ListOrphans([&](InodeId ino) {
    orphans.push_back(ino);
    return OkStatus();
  }));
  open_.clear();
  for (InodeId ino : orphans) EXPECT_OK(ns().GetFiles().Forget(ino));
}

bool Rig::CrashPoint() {
  if (crash_at_ == 0 || --crash_at_ > 0) return false;
  ++crashes_;
  Restart();
  return true;
}

void Rig::FailAt(int step, Status status, Effect effect) {
  fail_at_ = step;
  failure_ = std::move(status);
  failure_effect_ = effect;
}

// --- Operations.

std::pair<InodeId, std::string> Rig::Split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {kRootInode, path};
  return {Find(path.substr(0, slash)), path.substr(slash + 1)};
}

InodeId Rig::Find(const std::string& path) {
  if (path.empty()) return kRootInode;
  const auto [parent, name] = Split(path);
  auto found = ns().GetNames().Lookup(caller_, parent, name);
  EXPECT_TRUE(found.ok()) << path << ": " << found.status().ToString();
  return found.ok() ? found->attr.ino : InodeId();
}

bool Rig::Has(const std::string& path) {
  const auto [parent, name] = Split(path);
  auto found = ns().GetNames().Lookup(caller_, parent, name);
  EXPECT_TRUE(found.ok() || found.code() == Code::kNotFound) << found.status().ToString();
  return found.ok();
}

role::Attr Rig::AttrOf(const std::string& path) {
  auto info = ns().GetFiles().GetAttr(Find(path));
  EXPECT_TRUE(info.ok());
  return info.ok() ? info->attr : role::Attr{};
}

void Rig::Commit(InodeId ino, Content content) {
  auto info = ns().GetFiles().GetAttr(ino);
  ASSERT_TRUE(info.ok());
  role::WriteCommit commit;
  commit.base = info->attr.generation;
  commit.generation = Generation(commit.base.value + 1);
  commit.mtime_ns = clock_.WallNs();
  commit.synced = true;
  commit.size_bytes = content.bytes.size();
  commit.from_nothing = content.whole;
  if (content.on_base) commit.size_bytes += content.base_bytes;
  content.generation = commit.generation;
  EXPECT_OK(ns().GetFiles().CommitWrite(caller_, ino, commit).status());
  contents_[ino] = std::move(content);
}

void Rig::Put(const std::string& path, const std::string& bytes) {
  const auto [parent, name] = Split(path);
  auto found = ns().GetNames().Lookup(caller_, parent, name);
  if (found.code() == Code::kNotFound) {
    role::CreateSpec spec;
    spec.mode = 0644;
    found = ns().GetNames().Create(caller_, parent, name, spec);
  }
  ASSERT_TRUE(found.ok()) << path << ": " << found.status().ToString();
  Commit(found->attr.ino, {Generation(), bytes, false, 0, true});
  After();
}

void Rig::Append(const std::string& path, const std::string& bytes) {
  const InodeId ino = Find(path);
  auto cached = contents_.find(ino);
  Content content;
  if (cached != contents_.end()) {
    content = cached->second;
    content.whole = false;
  } else {
    content.on_base = true;
    content.base_bytes = AttrOf(path).size_bytes;
  }
  content.bytes += bytes;
  Commit(ino, content);
  After();
}

void Rig::Forget(const role::FileInfo& info) {
  if (!info.attr.ino || info.attr.nlink > 0 || open_.contains(info.attr.ino)) return;
  contents_.erase(info.attr.ino);
  EXPECT_OK(ns().GetFiles().Forget(info.attr.ino));
}

void Rig::Remove(const std::string& path) {
  const auto [parent, name] = Split(path);
  auto removed = ns().GetNames().Unlink(caller_, parent, name);
  ASSERT_TRUE(removed.ok()) << path << ": " << removed.status().ToString();
  Forget(*removed);
  After();
}

void Rig::Move(const std::string& from, const std::string& to, role::RenameMode mode) {
  const auto [parent, name] = Split(from);
  const auto [new_parent, new_name] = Split(to);
  auto moved = ns().GetNames().Rename(caller_, parent, name, new_parent, new_name, mode);
  ASSERT_TRUE(moved.ok()) << from << " to " << to << ": " << moved.status().ToString();
  if (moved->replaced) Forget(*moved->replaced);
  After();
}

void Rig::MakeDir(const std::string& path) {
  const auto [parent, name] = Split(path);
  role::CreateSpec spec;
  spec.type = role::FileType::kDirectory;
  spec.mode = 0755;
  EXPECT_OK(ns().GetNames().Create(caller_, parent, name, spec).status());
  After();
}

void Rig::RemoveDir(const std::string& path) {
  const auto [parent, name] = Split(path);
  auto removed = ns().GetNames().Rmdir(caller_, parent, name);
  ASSERT_TRUE(removed.ok()) << path << ": " << removed.status().ToString();
  Forget(*removed);
  After();
}

void Rig::Link(const std::string& from, const std::string& to) {
  const InodeId ino = Find(from);
  const auto [parent, name] = Split(to);
  EXPECT_OK(ns().GetNames().Link(caller_, ino, parent, name).status());
  After();
}

void Rig::Symlink(const std::string& path, const std::string& target) {
  const auto [parent, name] = Split(path);
  role::CreateSpec spec;
  spec.type = role::FileType::kSymlink;
  spec.mode = 0777;
  spec.symlink_target = target;
  EXPECT_OK(ns().GetNames().Create(caller_, parent, name, spec).status());
  After();
}

void Rig::Keep(const std::string& path, const std::string& bytes) {
  const role::Attr attr = AttrOf(path);
  contents_[attr.ino] = {attr.generation, bytes, false, 0};
}

void Rig::Fetch(const std::string& path) {
  Content& content = contents_[Find(path)];
  auto bytes = BytesOf(Find(path));
  ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
  content.bytes = *bytes;
  content.on_base = false;
}

void Rig::Chmod(const std::string& path, uint32_t mode) {
  role::AttrChange change;
  change.mode = mode;
  EXPECT_OK(ns().GetFiles().SetAttr(caller_, Find(path), change).status());
  After();
}

void Rig::SetTime(const std::string& path, int64_t mtime_ns) {
  role::AttrChange change;
  change.mtime_ns = mtime_ns;
  EXPECT_OK(ns().GetFiles().SetAttr(caller_, Find(path), change).status());
  After();
}

InodeId Rig::Open(const std::string& path) {
  const InodeId ino = Find(path);
  open_.insert(ino);
  return ino;
}

std::string Rig::ReadOpen(InodeId ino) {
  auto bytes = BytesOf(ino);
  return bytes.ok() ? *bytes : bytes.status().ToString();
}

void Rig::Close(InodeId ino) {
  open_.erase(ino);
  auto info = ns().GetFiles().GetAttr(ino);
  ASSERT_TRUE(info.ok());
  Forget(*info);
}

// --- Inspection.

Result<std::string> Rig::BytesOf(InodeId ino) {
  ASSIGN_OR_RETURN(role::FileInfo info, ns().GetFiles().GetAttr(ino));
  auto found = contents_.find(ino);
  if (found == contents_.end()) {
    return ReadUfs(info.binding.mount, info.binding.key, info.binding.etag);
  }
  if (found->second.generation != info.attr.generation) {
    return Status(Code::kStale, Concat("cached ", found->second.generation.value, ", now ",
                                       info.attr.generation.value));
  }
  if (!found->second.on_base) return found->second.bytes;
  ASSIGN_OR_RETURN(std::string base,
                   ReadUfs(info.binding.mount, info.binding.key, info.binding.etag));
  return base + found->second.bytes;
}

void Rig::WalkNames(InodeId dir, const std::string& path, Tree& tree) {
  auto listing = ns().GetNames().ReadDir(caller_, dir, 0, 1000, role::Names::WithAttrs::kYes);
  ASSERT_TRUE(listing.ok()) << path << ": " << listing.status().ToString();
  for (const role::DirEntry& entry : listing->entries) {
    const std::string full = path.empty() ? entry.name : path + "/" + entry.name;
    if (entry.type == role::FileType::kDirectory) {
      tree[full + "/"] = "";
      WalkNames(entry.ino, full, tree);
    } else if (entry.type == role::FileType::kSymlink) {
      tree[full] = "-> " + *ns().GetFiles().ReadLink(entry.ino);
    } else {
      auto bytes = BytesOf(entry.ino);
      tree[full] = bytes.ok() ? *bytes : bytes.status().ToString();
    }
  }
}

void Rig::WalkUfs(MountId mount, const std::string& key, Tree& tree) {
  auto page = (*mounts_.Get(mount))->List(key, {}, {});
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  for (const ufs::ObjectInfo& info : page->entries) {
    if (info.type == ufs::ObjectType::kDirectory) {
      tree[info.key + "/"] = "";
      WalkUfs(mount, info.key, tree);
    } else if (info.type == ufs::ObjectType::kSymlink) {
      tree[info.key] = "-> " + info.symlink_target;
    } else {
      auto bytes = ReadUfs(mount, info.key, "");
      tree[info.key] = bytes.ok() ? *bytes : bytes.status().ToString();
    }
  }
}

Tree Rig::Names() {
  Tree tree;
  WalkNames(kRootInode, "", tree);
  return tree;
}

Tree Rig::Stored(MountId mount) {
  Tree tree;
  WalkUfs(mount, "", tree);
  return tree;
}

Status Rig::Revalidate(const std::string& path) {
  return ns().GetMaintenance().Revalidate(Find(path));
}

size_t Rig::Records(char kind) {
  std::unique_ptr<kv::Transaction> txn = store_->Begin();
  const std::string prefix(1, kind);
  auto page = txn->Scan(prefix, kv::PrefixEnd(prefix), {});
  EXPECT_TRUE(page.ok());
  return page.ok() ? page->pairs.size() : 0;
}

std::string Rig::Dump() {
  std::string text;
  auto page = store_->Begin()->Scan("A", "[", {});
  for (const kv::Pair& pair : page->pairs) {
    if (pair.key[0] == 'I') {
      auto inode = InodeRecord::Decode(pair.value);
      text += Concat("\n  inode ", inode->ino.value, " in ", inode->parent.value, " '", inode->name,
                     "' nlink ", inode->nlink, inode->bound ? " bound " : " (bound) ", inode->key,
                     inode->made ? " made " : " (made) ", inode->made_key, " attempt ",
                     inode->attempt, " at ", inode->attempt_key, " places ", inode->places, " gen ",
                     inode->generation.value, "/", inode->persisted_generation.value, " attr ",
                     inode->attr_version, "/", inode->persisted_attr_version, " queued ",
                     !inode->queue_key.empty());
    } else if (pair.key[0] == 'U') {
      auto record = LedgerRecord::Decode(pair.value);
      text += Concat("\n  U ", keys::KeyOfLedger(pair.key), " intent ",
                     static_cast<int>(record->intent), " owner ", record->owner.value);
      for (InodeId claimant : record->claimants) text += Concat(" claimant ", claimant.value);
    } else if (pair.key[0] == 'K') {
      text += Concat("\n  K ", Reader(std::string_view(pair.key).substr(1)).Big64(), " ",
                     keys::KeyOfClaim(pair.key), " kind ",
                     static_cast<int>(PlaceRecord::Decode(pair.value)->kind));
    }
  }
  return text;
}

size_t Rig::PlacesLeft() {
  auto page = store_->Begin()->Scan("K", "L", {});
  size_t left = 0;
  for (const kv::Pair& pair : page->pairs) {
    left += PlaceRecord::Decode(pair.value)->kind != PlaceRecord::Kind::kLink;
  }
  return left;
}

// Checks the attributes of each file under each of its names.
void Rig::ExpectAttributes(const Tree& expected) {
  if (!ufs_->Traits().attributes) return;
  for (const auto& [path, bytes] : expected) {
    if (path.back() == '/' || bytes.starts_with("-> ")) continue;
    const role::Attr attr = AttrOf(path);
    Result<ufs::ObjectInfo> stored = ufs_->Stat(path, {});
    ASSERT_TRUE(stored.ok()) << path << ": " << stored.status().ToString();
    EXPECT_EQ(stored->mtime_ns, attr.mtime_ns) << path;
  }
}

void Rig::ExpectAtEnd(const Tree& expected) {
  // The namespace may differ while a step is done but not settled: a reader then looks again.
  const bool unsettled = held_ && held_->outcome;
  if (!unsettled && !Crashed() && !Failed()) {
    EXPECT_EQ(Names(), expected) << "the namespace, before all is persisted";
  }
  Drain();
  EXPECT_EQ(Names(), expected) << "the namespace";
  Tree stored = expected;
  // A store without directories has no empty directory.
  if (!ufs_->Traits().real_directories && !ufs_->Traits().writes_markers) {
    std::erase_if(stored, [&](const auto& item) {
      if (item.first.back() != '/') return false;
      auto next = expected.upper_bound(item.first);
      while (next != expected.end() && next->first.back() == '/' &&
             next->first.starts_with(item.first)) {
        ++next;
      }
      return next == expected.end() || !next->first.starts_with(item.first);
    });
  }
  EXPECT_EQ(Stored(), stored) << "the UFS";
  ExpectAttributes(expected);
  EXPECT_EQ(Records('U'), 0u) << "ledger records are left";
  EXPECT_EQ(PlacesLeft(), 0u) << "places are left";
  EXPECT_EQ(Records('P'), 0u) << "queue entries are left";
  EXPECT_EQ(Records('Z'), 0u) << "orphans are left";
  // The answer of the UFS changes nothing now.
  for (const auto& [path, bytes] : expected) {
    if (path.back() == '/') EXPECT_OK(Revalidate(path.substr(0, path.size() - 1)));
  }
  EXPECT_OK(Revalidate(""));
  EXPECT_EQ(Names(), expected) << "the namespace after revalidation";
}

}  // namespace tarn::meta
