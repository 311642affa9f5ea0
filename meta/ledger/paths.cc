#include "meta/ledger/paths.h"

#include <deque>
#include <utility>

#include "base/strings.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"
#include "ufs/storable.h"

namespace tarn::meta {
namespace {

constexpr size_t kMostNamesBelow = 1024;  // Names below a directory that a rename checks.

Status CheckKey(const ufs::UfsTraits& traits, const std::string& key, role::FileType type) {
  const bool marked = type == role::FileType::kDirectory && traits.writes_markers;
  return ufs::CheckStorable(traits, key, marked ? ufs::Form::kMarker : ufs::Form::kObject);
}

using Below = std::deque<std::pair<InodeId, std::string>>;

void WantNames(kv::Transaction& txn, const Below& dirs) {
  std::vector<kv::Range> ranges;
  for (const auto& [dir, key] : dirs) {
    std::string names = keys::DentryPrefix(dir);
    std::string end = kv::PrefixEnd(names);
    ranges.push_back({std::move(names), std::move(end)});
  }
  txn.Want({}, ranges);
}

// Checks the known names below a directory if its path key gets longer, because theirs get longer
// too.
Status CheckBelow(const ufs::UfsTraits& traits, kv::Transaction& txn, const InodeRecord& dir,
                  const std::string& key) {
  const Result<UfsPath> now = PathKey(txn, dir.parent, dir.name, kv::Reads::kSnapshot);
  if (!now.ok() || now->key.size() >= key.size()) return OkStatus();
  Below left = {{dir.ino, key}};
  kv::ScanOptions options;
  options.limit = kMostNamesBelow;
  options.reads = kv::Reads::kSnapshot;
  for (size_t started = 0; !left.empty() && options.limit > 0; left.pop_front(), --started) {
    if (started == 0) {
      WantNames(txn, left);
      started = left.size();
    }
    const auto& [at, prefix] = left.front();
    const std::string names = keys::DentryPrefix(at);
    ASSIGN_OR_RETURN(const kv::ScanPage page, txn.Scan(names, kv::PrefixEnd(names), options));
    for (const kv::Pair& pair : page.pairs) {
      ASSIGN_OR_RETURN(const DentryRecord dentry, DentryRecord::Decode(pair.value));
      std::string below = JoinKey(prefix, keys::NameOfDentry(pair.key));
      RETURN_IF_ERROR(CheckKey(traits, below, dentry.type));
      if (dentry.type == role::FileType::kDirectory) {
        left.emplace_back(dentry.ino, std::move(below));
      }
    }
    options.limit -= page.pairs.size();
  }
  return OkStatus();
}

// kNotFound: the directory has no name any more.
Result<InodeRecord> NamedDirectory(kv::Transaction& txn, InodeId ino, kv::Reads reads) {
  ASSIGN_OR_RETURN(std::optional<InodeRecord> dir, GetInode(txn, ino, reads));
  if (!dir || dir->nlink == 0) {
    return Status(Code::kNotFound, Concat("directory ", ino.value, " has no name"));
  }
  return *std::move(dir);
}

// The path key of a name in `dir`, whose record is known.
Result<std::string> KeyIn(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                          std::string_view name) {
  std::string key(name);
  InodeRecord above;
  for (const InodeRecord* at = &dir; !IsMountRoot(*at); at = &above) {
    key.insert(0, Concat(at->name, "/"));
    ASSIGN_OR_RETURN(above, NamedDirectory(txn, at->parent, kv::Reads::kSnapshot));
    context.parents.Note(above);
  }
  return key;
}

}  // namespace

std::string JoinKey(std::string_view directory_key, std::string_view name) {
  return directory_key.empty() ? std::string(name) : Concat(directory_key, "/", name);
}

const InodeRecord* Chain::FirstNotMade() const {
  for (size_t i = 0; i < dirs.size(); ++i) {
    if (!dirs[i].made || dirs[i].made_key != keys[i]) return &dirs[i];
  }
  return nullptr;
}

Result<Chain> ReadChain(kv::Transaction& txn, InodeId parent, kv::Reads reads) {
  Chain chain;
  for (InodeId ino = parent;;) {
    ASSIGN_OR_RETURN(InodeRecord dir, NamedDirectory(txn, ino, reads));
    if (!chain.mount) chain.mount = dir.mount;
    if (IsMountRoot(dir)) break;
    ino = dir.parent;
    chain.dirs.push_back(std::move(dir));
  }
  std::reverse(chain.dirs.begin(), chain.dirs.end());
  for (const InodeRecord& dir : chain.dirs) chain.keys.push_back(chain.KeyOf(dir.name));
  return chain;
}

Result<std::optional<InodeRecord>> ResolveKey(kv::Transaction& txn, MountId mount,
                                              std::string_view key) {
  std::optional<InodeRecord> none;
  ASSIGN_OR_RETURN(std::optional<MountRecord> record, GetMount(txn, mount, kv::Reads::kSnapshot));
  if (!record) return none;  // It was unmounted.
  InodeId ino = record->root;
  for (size_t begin = 0; begin < key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                     GetDentry(txn, ino, key.substr(begin, end - begin), kv::Reads::kSerializable));
    if (!dentry) return none;
    ino = dentry->ino;
    begin = end + 1;
  }
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(txn, ino, kv::Reads::kSerializable));
  return inode && inode->mount == mount ? inode : none;
}

Result<std::optional<MountRecord>> GetMount(kv::Transaction& txn, MountId mount, kv::Reads reads) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(keys::Mount(mount), reads));
  if (!bytes) return std::optional<MountRecord>();
  ASSIGN_OR_RETURN(MountRecord record, MountRecord::Decode(*bytes));
  return std::optional<MountRecord>(std::move(record));
}

Result<UfsPath> PathKey(kv::Transaction& txn, InodeId parent, std::string_view name,
                        kv::Reads reads) {
  ASSIGN_OR_RETURN(Chain chain, ReadChain(txn, parent, reads));
  return UfsPath{chain.mount, chain.KeyOf(name)};
}

Status CheckKeyFits(const Context& context, kv::Transaction& txn, const InodeRecord& inode,
                    const InodeRecord& dir, std::string_view name) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(inode.mount));
  const ufs::UfsTraits& traits = ufs->Traits();
  const Result<std::string> key = KeyIn(context, txn, dir, name);
  if (key.code() == Code::kNotFound) return OkStatus();
  RETURN_IF_ERROR(key.status());
  const bool directory = inode.type == role::FileType::kDirectory;
  RETURN_IF_ERROR(CheckKey(traits, *key, inode.type));
  return directory ? CheckBelow(traits, txn, inode, *key) : OkStatus();
}

}  // namespace tarn::meta
