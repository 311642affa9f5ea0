#include "outside/mounted.h"

#include <fcntl.h>

#include <thread>
#include <utility>

#include "base/strings.h"
#include "client/dependencies.h"
#include "kv/memory.h"
#include "worker/recovery.h"

namespace tarn::outside {
namespace {

using client::OpenFile;
using Kind = role::Action::Kind;

constexpr uint64_t kCacheBytes = 64 << 20;
// Longer than all waits of the queue together: for a write that may still land, and between tries.
constexpr int kRounds = 10;
constexpr Nanos kRound = std::chrono::seconds(10);

}  // namespace

Mounted::Mounted(client::RequestClock& clock, Kill kill)
    : clock_(clock),
      kill_(kill),
      store_(kv::NewMemoryStore(clock)),
      metadata_(kv::NewPrefixedStore(*store_, "m")),
      index_(kv::NewPrefixedStore(*store_, "c")) {}

Mounted::~Mounted() {
  if (fs_) {
    EXPECT_TRUE(fs_->GetUpkeep().Close().ok());
  }
  Die();
}

void Mounted::Open(std::unique_ptr<ufs::UnderFileSystem> source) {
  ASSERT_TRUE(mounts_.Add(MountId(1), std::move(source)).ok());
  Start();
}

// The kernel closes the descriptors of a killed process, and no part of it learns of that.
void Mounted::Die() {
  for (OpenFile* file : open_) file->Abandon();
  open_.clear();
  fs_.reset();
  pages_.reset();
  filler_.reset();
  namespace_.reset();
  cache_.reset();
}

Result<std::unique_ptr<cache::CacheStore>> Mounted::OpenCache() {
  if (kill_.step == 0) return cache::NewMemoryCacheStore(kCacheBytes, SystemClock());
  cache::CacheOptions options;
  options.directories = {scratch_.path()};
  options.capacities_bytes = {kCacheBytes};
  return cache::OpenDiskCacheStore(options, *index_, clock_, SystemClock());
}

void Mounted::Start() {
  ++starts_;
  meta::RootMount root;
  root.uri = "test://";
  root.identity = "test";
  meta::MetaOptions meta;
  meta.sync_interval = Nanos(-1);  // The test says when the source is looked at.
  meta.persist_delay = Nanos(0);
  meta.retry_interval_max = std::chrono::seconds(1);
  meta.ufs_deadline = std::chrono::hours(100'000);  // Some stores go by the machine's clock.
  auto opened = meta::OpenNamespace(*metadata_, mounts_, clock_, meta, root);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  namespace_ = *std::move(opened);
  auto cache = OpenCache();
  ASSERT_TRUE(cache.ok()) << cache.status().ToString();
  cache_ = *std::move(cache);
  const Status recovered = worker::RecoverContents(
      *cache_, namespace_->GetNames(), namespace_->GetFiles(), namespace_->GetMaintenance());
  ASSERT_TRUE(recovered.ok()) << recovered.ToString();
  worker::FillerOptions fill;
  fill.threads = 1;
  fill.readahead_max_bytes = 0;
  fill.read_deadline = std::chrono::hours(100'000);
  filler_ = worker::NewFiller(fill, *cache_, mounts_, clock_);
  pages_ = std::make_unique<client::DemandedPages>(*filler_);
  client::Options options;
  options.fill_at_open_bytes = 0;  // Pages stay in the source until they are read.
  options.orphan_scan_interval = std::chrono::hours(10'000);
  fs_ = client::NewFileSystem(
      {namespace_->GetNames(), namespace_->GetFiles(), namespace_->GetWriters(),
       namespace_->GetMaintenance(), namespace_->GetPersistQueue(), *cache_, *pages_, clock_},
      options);
}

Result<std::pair<InodeId, std::string>> Mounted::Split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return std::pair(kRootInode, path);
  ASSIGN_OR_RETURN(const InodeId parent, Find(path.substr(0, slash)));
  return std::pair(parent, path.substr(slash + 1));
}

Result<InodeId> Mounted::Find(const std::string& path) {
  ASSIGN_OR_RETURN(const auto place, Split(path));
  ASSIGN_OR_RETURN(const role::FileInfo found,
                   fs_->GetNames().Lookup(caller_, place.first, place.second));
  return found.attr.ino;
}

// What the kernel does for a call with a path: where the inode proves to be gone, it looks the path
// up once more.
template <typename Call>
auto Mounted::OnFound(const std::string& path, const Call& call) -> decltype(call(InodeId())) {
  ASSIGN_OR_RETURN(const InodeId ino, Find(path));
  auto result = call(ino);
  if (result.code() != Code::kStale) return result;
  ASSIGN_OR_RETURN(const InodeId again, Find(path));
  return call(again);
}

Status Mounted::WithOpen(const std::string& path, int flags, const Body& body) {
  ASSIGN_OR_RETURN(const client::Opened opened, OnFound(path, [&](InodeId ino) {
                     return fs_->GetOpener().Open(caller_, ino, flags);
                   }));
  open_.push_back(opened.file.get());
  Status done = body(*opened.file);
  if (open_.empty()) return done;  // The process was killed.
  open_.pop_back();
  Status closed = opened.file->Flush();
  return done.ok() ? closed : done;
}

Status Mounted::Create(const std::string& path, const std::string& bytes) {
  ASSIGN_OR_RETURN(const auto place, Split(path));
  ASSIGN_OR_RETURN(
      const client::Created made,
      fs_->GetOpener().Create(caller_, place.first, place.second, 0644, O_RDWR | O_EXCL));
  Status done = Write(*made.open.file, 0, bytes);
  Status closed = made.open.file->Flush();
  return done.ok() ? closed : done;
}

Status Mounted::Write(OpenFile& file, uint64_t offset_bytes, const std::string& bytes) {
  return file.Write(offset_bytes, std::as_bytes(std::span(bytes)), client::SetId::kKeep);
}

Result<std::string> Mounted::Read(OpenFile& file, uint64_t offset_bytes, size_t size) {
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   file.Read(offset_bytes, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(got);
  return bytes;
}

Status Mounted::Truncate(const std::string& path, uint64_t size_bytes) {
  return OnFound(path, [&](InodeId ino) {
    return fs_->GetAttributes().SetAttr(caller_, ino, {}, size_bytes).status();
  });
}

Status Mounted::SetAttributes(const std::string& path, const role::AttrChange& change) {
  return OnFound(path, [&](InodeId ino) {
    return fs_->GetAttributes().SetAttr(caller_, ino, change, std::nullopt).status();
  });
}

Status Mounted::Link(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const InodeId ino, Find(from));
  ASSIGN_OR_RETURN(const auto place, Split(to));
  return fs_->GetNames().Link(caller_, ino, place.first, place.second).status();
}

Status Mounted::Rename(const std::string& from, const std::string& to, role::RenameMode mode) {
  ASSIGN_OR_RETURN(const auto old_place, Split(from));
  ASSIGN_OR_RETURN(const auto new_place, Split(to));
  return fs_->GetNames().Rename(caller_, old_place.first, old_place.second, new_place.first,
                                new_place.second, mode);
}

Status Mounted::Unlink(const std::string& path) {
  ASSIGN_OR_RETURN(const auto place, Split(path));
  return fs_->GetNames().Unlink(caller_, place.first, place.second);
}

Status Mounted::MakeDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const auto place, Split(path));
  role::CreateSpec spec;
  spec.type = role::FileType::kDirectory;
  spec.mode = 0755;
  return fs_->GetNames().MakeNode(caller_, place.first, place.second, spec).status();
}

Status Mounted::RemoveDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const auto place, Split(path));
  return fs_->GetNames().Rmdir(caller_, place.first, place.second);
}

Result<bool> Mounted::AreSame(const std::string& one, const std::string& other) {
  ASSIGN_OR_RETURN(const InodeId first, Find(one));
  ASSIGN_OR_RETURN(const InodeId second, Find(other));
  return first == second;
}

// --- What a worker does.

bool Mounted::IsKilledNow(bool done) {
  if (kill_.step == 0 || steps_ != kill_.step || kill_.done != done || starts_ > 1) return false;
  Die();
  Start();
  return true;
}

// One step of what worker::Persister does.
void Mounted::Work(const role::Task& task) {
  role::PersistQueue& queue = namespace_->GetPersistQueue();
  worker::ActionRunner runner(
      *cache_, *filler_, mounts_, clock_, std::chrono::hours(100'000),
      [&queue](const role::Action& action) { return queue.IsWanted(action); },
      [&queue](const role::Action& action, const std::string& file) {
        return queue.NoteFile(action, file);
      });
  for (;;) {
    Result<role::Action> action = queue.Prepare(task);
    if (!action.ok()) {
      EXPECT_TRUE(queue.Release(std::span(&task, 1)).ok());
      return;
    }
    if (action->kind == Kind::kDone || action->kind == Kind::kWait) return;
    ++steps_;
    if (IsKilledNow(false)) return;
    worker::Done done = runner.Run(*action, {});
    ufs::UnderFileSystem* source = mounts_.Get(action->mount).value();
    if (done.outcome.status.ok() && source->Traits().commit_needs_sync) {
      done.outcome.status = source->Sync({});
    }
    if (kill_.done && steps_ == kill_.step) done.content.reset();
    if (IsKilledNow(true)) return;
    const role::PersistQueue::Settled item{task, *action, done.outcome};
    const Result<bool> persisted = queue.Settle(std::span(&item, 1)).front();
    ASSERT_TRUE(persisted.ok()) << persisted.status().ToString();
    if (*persisted && done.content) (void)done.content->MarkClean();
    if (!done.outcome.status.ok()) return;
  }
}

bool Mounted::WorkOff(role::TaskClass task_class) {
  auto tasks = namespace_->GetPersistQueue().Lease(task_class, 100, Nanos(0));
  EXPECT_TRUE(tasks.ok()) << tasks.status().ToString();
  if (!tasks.ok()) return false;
  const int starts = starts_;
  for (const role::Task& task : *tasks) {
    Work(task);
    if (starts != starts_) return true;
  }
  return !tasks->empty();
}

// The reaper waits for a pause of the applications by the test's clock, in a thread of its own.
void Mounted::ForgetUnlinked() {
  while (fs_->GetUpkeep().Forgetting() > 0) {
    clock_.Advance(std::chrono::milliseconds(20));
    std::this_thread::yield();
  }
}

void Mounted::Persist() {
  for (int round = 0; round < kRounds; ++round) {
    ForgetUnlinked();
    bool worked = true;
    for (int i = 0; worked && i < kRounds; ++i) {
      worked = WorkOff(role::TaskClass::kSmall);
      worked = WorkOff(role::TaskClass::kLarge) || worked;
    }
    if (Queue().empty()) return;
    clock_.Advance(kRound);
  }
}

std::vector<role::QueueEntry> Mounted::Queue() {
  const auto page = namespace_->GetPersistQueue().List("", 100);
  EXPECT_TRUE(page.ok()) << page.status().ToString();
  return page.ok() ? page->entries : std::vector<role::QueueEntry>();
}

// --- What a reader finds.

Name Mounted::ReadAll(InodeId ino, const role::Attr& attr) {
  Name name;
  name.ino = ino;
  name.state = role::PersistStateName(attr.persist);
  Result<client::Opened> opened = fs_->GetOpener().Open(caller_, ino, O_RDONLY);
  if (!opened.ok()) {
    name.errors.push_back(opened.status());
    return name;
  }
  const uint64_t sizes[] = {cache::kPageBytes, 4 * cache::kPageBytes};
  std::string whole;
  for (uint64_t at = 0; const uint64_t size : sizes) {
    Result<std::string> part = Read(*opened->file, at, size);
    name.readable.push_back(part.ok() ? *part : std::string());
    if (!part.ok()) name.errors.push_back(part.status());
    if (part.ok()) whole += *part;
    at += size;
  }
  if (name.errors.empty()) name.bytes = std::move(whole);
  return name;
}

namespace {

// The open gave ESTALE, and the kernel looks the name up once more.
bool IsGone(const Name& name) {
  return name.readable.empty() && !name.errors.empty() && name.errors[0].code() == Code::kStale;
}

}  // namespace

void Mounted::Walk(InodeId directory, const std::string& path, std::map<std::string, Name>& found,
                   std::vector<InodeId>* directories) {
  if (directories != nullptr) directories->push_back(directory);
  auto listing = fs_->GetNames().ReadDir(caller_, directory, 0, 1000, role::Names::WithAttrs::kNo);
  ASSERT_TRUE(listing.ok()) << listing.status().ToString();
  for (const role::DirEntry& entry : listing->entries) {
    const std::string full = path.empty() ? entry.name : path + "/" + entry.name;
    Result<role::FileInfo> info = fs_->GetNames().Lookup(caller_, directory, entry.name);
    std::optional<Name> name;
    if (info.ok() && info->attr.type == role::FileType::kRegular && directories == nullptr) {
      name = ReadAll(info->attr.ino, info->attr);
      if (IsGone(*name)) info = fs_->GetNames().Lookup(caller_, directory, entry.name);
    }
    if (info.code() == Code::kNotFound) continue;
    if (!info.ok()) {
      found[full].errors.push_back(info.status());
    } else if (info->attr.type == role::FileType::kDirectory) {
      found[full].directory = true;
      Walk(info->attr.ino, full, found, directories);
    } else if (directories == nullptr) {
      found[full] = !name || IsGone(*name) ? ReadAll(info->attr.ino, info->attr) : *name;
    }
  }
}

std::map<std::string, Name> Mounted::Names() {
  std::map<std::string, Name> found;
  Walk(kRootInode, "", found, nullptr);
  return found;
}

void Mounted::ListAll() {
  std::map<std::string, Name> ignored;
  std::vector<InodeId> directories;
  Walk(kRootInode, "", ignored, &directories);
}

// A directory may be found by looking at the one above it.
Status Mounted::LookAgain() {
  for (int i = 0; i < 3; ++i) {
    std::map<std::string, Name> ignored;
    std::vector<InodeId> directories;
    Walk(kRootInode, "", ignored, &directories);
    for (const InodeId directory : directories) {
      Status looked = namespace_->GetMaintenance().Revalidate(directory);
      if (!looked.ok() && looked.code() != Code::kStale) return looked;
    }
  }
  return OkStatus();
}

}  // namespace tarn::outside
