#include "meta/loading/loader.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "base/current_request.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "meta/loading/freshness.h"
#include "meta/loading/listings.h"
#include "meta/loading/name_look.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kThreads = 2;
constexpr size_t kMostThreads = 64;  // A source that does not answer keeps some.
constexpr size_t kQueued = 256;
constexpr size_t kMaxRemembered = 1 << 16;  // Limit for directories, and for absent names.
constexpr int kManyLookups = 16;            // Lookups of unknown names in one directory.
// For this long accesses do not wait for a source that did not answer in time. Meanwhile they ask
// it in the background.
constexpr Nanos kAfterSilence = std::chrono::seconds(10);
constexpr Nanos kBetweenWarnings = std::chrono::seconds(10);

struct NameKey {
  InodeId dir;
  std::string name;
  friend bool operator==(const NameKey&, const NameKey&) = default;
};
struct HashNameKey {
  size_t operator()(const NameKey& key) const {
    return std::hash<std::string>()(key.name) * 31 + std::hash<InodeId>()(key.dir);
  }
};

// Names that the UFS lacked when it was last asked.
class AbsentNames {
 public:
  bool Has(InodeId dir, std::string_view name, MonotonicTime now) {
    MutexLock lock(mutex_);
    auto found = until_.find({dir, std::string(name)});
    return found != until_.end() && now < found->second;
  }
  void Add(InodeId dir, std::string_view name, MonotonicTime until) {
    MutexLock lock(mutex_);
    if (until_.size() >= kMaxRemembered) until_.clear();
    until_[{dir, std::string(name)}] = until;
  }
  void Remove(InodeId dir, std::string_view name) {
    MutexLock lock(mutex_);
    if (!until_.empty()) until_.erase({dir, std::string(name)});
  }

 private:
  Mutex mutex_;
  std::unordered_map<NameKey, MonotonicTime, HashNameKey> until_ GUARDED_BY(mutex_);
};

// Counts for each directory the questions for unknown names.
class Lookups {
 public:
  int Count(InodeId dir) {
    MutexLock lock(mutex_);
    if (counts_.size() >= kMaxRemembered) counts_.clear();
    return ++counts_[dir];
  }

 private:
  Mutex mutex_;
  std::unordered_map<InodeId, int> counts_ GUARDED_BY(mutex_);
};

// Questions to the source about single names. A caller that needs a name which another caller is
// asking about waits for that answer. Thread-safe.
class NameQuestions {
 public:
  explicit NameQuestions(Clock& clock) : clock_(clock) {}

  // kDeadlineExceeded: the question of another caller is not answered yet. kCancelled: this caller
  // was stopped.
  Status Run(const NameKey& name, Deadline deadline, const std::function<Status()>& ask) {
    const std::stop_token stop = StopOfRequest();
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      answered_.NotifyAll();
    });
    std::shared_ptr<Question> question;
    {
      MutexLock lock(mutex_);
      for (;;) {
        std::shared_ptr<Question>& slot = questions_[name];
        if (!slot) {
          question = slot = std::make_shared<Question>();
          break;
        }
        const std::shared_ptr<Question> other = slot;
        Status answer = Await(*other, deadline, stop);
        // If the caller that asked was stopped, this one has no answer and asks again.
        if (answer.code() != Code::kCancelled || stop.stop_requested()) return answer;
      }
    }
    const Status answer = ask();
    MutexLock lock(mutex_);
    question->done = true;
    question->answer = answer;
    questions_.erase(name);
    answered_.NotifyAll();
    return answer;
  }

 private:
  struct Question {
    bool done = false;
    Status answer;
  };
  Status Await(const Question& question, Deadline deadline, const std::stop_token& stop)
      REQUIRES(mutex_) {
    while (!question.done) {
      if (stop.stop_requested()) return Status(Code::kCancelled, "the caller was stopped");
      const MonotonicTime now = clock_.Now();
      if (deadline.PassedBy(now)) {
        return Status(Code::kDeadlineExceeded, "the source has not answered in time");
      }
      answered_.WaitFor(mutex_, deadline.at() - now);
    }
    return question.answer;
  }

  Clock& clock_;
  Mutex mutex_;  // Held over no I/O.
  CondVar answered_;
  std::unordered_map<NameKey, std::shared_ptr<Question>, HashNameKey> questions_ GUARDED_BY(mutex_);
};

// Sources that did not answer in time. Thread-safe.
class Silence {
 public:
  bool Holds(MountId mount, MonotonicTime now) const {
    MutexLock lock(mutex_);
    const auto found = until_.find(mount);
    return found != until_.end() && now < found->second;
  }
  void Note(MountId mount, MonotonicTime until) {
    MutexLock lock(mutex_);
    until_[mount] = until;
  }
  void End(MountId mount) {
    MutexLock lock(mutex_);
    if (!until_.empty()) until_.erase(mount);
  }
  // True: the caller asks the source now, and calls EndProbe afterwards.
  bool BeginProbe(MountId mount) {
    MutexLock lock(mutex_);
    return probed_.insert(mount).second;
  }
  void EndProbe(MountId mount) {
    MutexLock lock(mutex_);
    probed_.erase(mount);
  }
  bool MayWarn(MonotonicTime now) {
    MutexLock lock(mutex_);
    if (now < next_warning_) return false;
    next_warning_ = now + kBetweenWarnings;
    return true;
  }

 private:
  mutable Mutex mutex_;
  std::map<MountId, MonotonicTime> until_ GUARDED_BY(mutex_);
  std::set<MountId> probed_ GUARDED_BY(mutex_);
  MonotonicTime next_warning_ GUARDED_BY(mutex_) = MonotonicTime::min();
};

bool MeansSilence(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded || code == Code::kIo;
}

class UfsLoader final : public Loader {
 public:
  explicit UfsLoader(const Context& context)
      : context_(context),
        name_questions_(context.clock),
        listings_(context, [this](const Listings::News& news) { Listed(news); }),
        pool_({.name = "tarn-revalidate",
               .threads = kThreads,
               .most_threads = kMostThreads,
               .queue_capacity = kQueued}) {}
  ~UfsLoader() override { pool_.Shutdown(); }

  Status LoadName(InodeId dir, std::string_view name) override {
    const MonotonicTime now = context_.clock.Now();
    if (absent_.Has(dir, name, now)) return OkStatus();
    ASSIGN_OR_RETURN(const Known known, Read(dir, name));
    if (known.complete) return OkStatus();
    // Asked for name by name, a directory costs more than its listing.
    if (Interval() != Nanos::zero() && lookups_.Count(dir) == kManyLookups) listings_.Prefetch(dir);
    ASSIGN_OR_RETURN(const NameAnswer answer, LookAtName(context_, dir, name));
    if (Interval() == Nanos::zero()) return OkStatus();
    const MonotonicTime until =
        Interval() < Nanos::zero() ? MonotonicTime::max() : now + Interval();
    freshness_.NoteName(dir, name, until);
    if (answer == NameAnswer::kAbsent) absent_.Add(dir, name, until);
    return OkStatus();
  }

  Status LoadAll(InodeId dir) override {
    ASSIGN_OR_RETURN(bool complete, Complete(dir));
    return complete ? OkStatus() : listings_.ListAll(dir, Joining::kAny);
  }

  Result<Loaded> LoadMore(InodeId dir, Progress& progress) override {
    ASSIGN_OR_RETURN(bool complete, Complete(dir));
    if (complete) return Loaded::kAll;
    return listings_.ListMore(dir, progress);
  }

  Status Touch(InodeId dir) override {
    if (Interval() < Nanos::zero()) return OkStatus();
    if (Interval() == Nanos::zero()) return listings_.ListAll(dir, Joining::kBegunLater);
    if (freshness_.Left(dir, "", context_.clock.Now()) > Nanos::zero()) return OkStatus();
    return ListFirst(dir);
  }

  Status TouchName(InodeId dir, std::string_view name) override {
    if (Interval() < Nanos::zero()) return OkStatus();
    if (Interval() == Nanos::zero()) return LookAtName(context_, dir, name).status();
    if (freshness_.Left(dir, name, context_.clock.Now()) > Nanos::zero()) return OkStatus();
    return AskFirst(dir, name);
  }

  Nanos FreshFor(InodeId dir, std::string_view name) const override {
    if (Interval() < Nanos::zero()) return Nanos::max();
    if (Interval() == Nanos::zero()) return Nanos::zero();
    return freshness_.Left(dir, name, context_.clock.Now());
  }

  Status LookAgain(InodeId dir, std::string_view name) override {
    const MonotonicTime now = context_.clock.Now();
    LookOptions options;
    options.appeared = LookOptions::Appeared::kTold;
    RETURN_IF_ERROR(LookAtName(context_, dir, name, options).status());
    absent_.Remove(dir, name);
    if (Interval() > Nanos::zero()) freshness_.NoteName(dir, name, now + Interval());
    return OkStatus();
  }

  Status Revalidate(InodeId dir) override { return listings_.ListAll(dir, Joining::kBegunLater); }

  void NameCreated(InodeId dir, std::string_view name) override {
    absent_.Remove(dir, name);
    if (Interval() <= Nanos::zero()) return;
    const MonotonicTime now = context_.clock.Now();
    // Most names are made in fresh directories, where the name needs no note.
    if (freshness_.Left(dir, "", now) == Nanos::zero()) {
      freshness_.NoteName(dir, name, now + Interval());
    }
  }

  void DirectoryMade(InodeId dir) override {
    if (Interval() > Nanos::zero()) freshness_.NoteWhole(dir, context_.clock.Now() + Interval());
  }

 private:
  using Joining = Listings::Joining;

  Nanos Interval() const { return context_.options.sync_interval; }

  // What is known here of a name, and the mount of its source.
  struct Known {
    MountId mount;
    bool complete = false;
    bool name = false;
  };
  Result<Known> Read(InodeId dir, std::string_view name) {
    const std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    Known known;
    ASSIGN_OR_RETURN(const InodeRecord inode, ReadInode(*txn, dir, kv::Reads::kSnapshot));
    known.mount = inode.mount;
    ASSIGN_OR_RETURN(known.complete, IsComplete(*txn, dir, kv::Reads::kSnapshot));
    if (name.empty()) return known;
    ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                     GetDentry(*txn, dir, name, kv::Reads::kSnapshot));
    known.name = dentry.has_value();
    return known;
  }
  Result<bool> Complete(InodeId dir) {
    return IsComplete(*context_.store.Begin(), dir, kv::Reads::kSnapshot);
  }

  // Asks the UFS first, because the answer for the name is older than the interval.
  Status AskFirst(InodeId dir, std::string_view name) {
    const Result<Known> known = Read(dir, name);
    if (known.code() == Code::kStale) return OkStatus();  // The operation finds that out itself.
    RETURN_IF_ERROR(known.status());
    // The operation loads an unknown name of an incomplete directory by LoadName.
    if (!known->complete && !known->name) return OkStatus();
    if (known->complete) ListInBackground(dir);
    if (silence_.Holds(known->mount, context_.clock.Now())) {
      Probe(known->mount, dir, std::string(name));
      return OkStatus();
    }
    Ask(known->mount, dir, name);
    return OkStatus();
  }

  void Ask(MountId mount, InodeId dir, std::string_view name) {
    const MonotonicTime now = context_.clock.Now();
    const Deadline deadline = Deadline::After(context_.clock, context_.options.sync_timeout);
    const Status asked = name_questions_.Run({dir, std::string(name)}, deadline, [&]() -> Status {
      LookOptions options;
      options.deadline = deadline;
      RETURN_IF_ERROR(LookAtName(context_, dir, name, options).status());
      freshness_.NoteName(dir, name, now + Interval());
      return OkStatus();
    });
    if (asked.ok()) return silence_.End(mount);
    if (asked.code() == Code::kCancelled) return;  // The caller does not wait any more.
    ServeKnown(mount, Concat("'", name, "'"), asked);
    // The source refused this name alone, and would refuse it again at each access.
    if (!MeansSilence(asked.code())) {
      freshness_.NoteName(dir, name, now + std::min(kAfterSilence, Interval()));
    }
  }

  void Probe(MountId mount, InodeId dir, std::string name) {
    if (!silence_.BeginProbe(mount)) return;
    const Status submitted = pool_.TrySubmit([this, mount, dir, name = std::move(name)] {
      Ask(mount, dir, name);
      silence_.EndProbe(mount);
    });
    if (!submitted.ok()) silence_.EndProbe(mount);
  }

  // Lists a complete directory first, because its listing is older than the interval. LoadMore
  // lists an incomplete directory for its reader.
  Status ListFirst(InodeId dir) {
    const Result<Known> known = Read(dir, "");
    if (known.code() == Code::kStale) return OkStatus();
    RETURN_IF_ERROR(known.status());
    if (!known->complete || silence_.Holds(known->mount, context_.clock.Now())) return OkStatus();
    const Status listed =
        listings_.ListWithin(dir, Deadline::After(context_.clock, context_.options.sync_timeout));
    // A long listing is no silence: it goes on.
    const bool long_one = listed.code() == Code::kDeadlineExceeded;
    if (!listed.ok() && !long_one) {
      ServeKnown(known->mount, Concat("directory ", dir.value), listed);
    }
    if (long_one) Warn(Concat("directory ", dir.value), listed);
    return OkStatus();
  }

  void ServeKnown(MountId mount, const std::string& what, const Status& why) {
    // The directory is gone.
    if (why.code() == Code::kStale || why.code() == Code::kNotDirectory) return;
    const MonotonicTime now = context_.clock.Now();
    if (MeansSilence(why.code())) silence_.Note(mount, now + kAfterSilence);
    Warn(what, why);
  }

  void Warn(const std::string& what, const Status& why) {
    if (!silence_.MayWarn(context_.clock.Now())) return;
    LogWarning("the answer for ", what, " is what was known before the sync interval passed, ",
               "because the source could not be asked: ", why);
  }

  // A program that uses one name of a directory usually uses its other names soon.
  void ListInBackground(InodeId dir) {
    if (!freshness_.TakeListing(dir, context_.clock.Now(), Interval())) return;
    const Status submitted = pool_.TrySubmit([this, dir] {
      const Status listed = listings_.ListAll(dir, Joining::kAny);
      if (!listed.ok() && listed.code() != Code::kStale) {
        LogWarning("list directory ", dir.value, " again: ", listed);
      }
    });
    if (!submitted.ok()) LogDebug("list directory ", dir.value, " again: ", submitted);
  }

  // What a listing says is as old as its beginning. One that takes longer than the interval counts
  // from its end, or it would be under way all the time.
  void Listed(const Listings::News& news) {
    if (Interval() <= Nanos::zero()) return;
    const MonotonicTime until = news.began + Interval();
    const MonotonicTime now = context_.clock.Now();
    if (news.last) {
      freshness_.NoteListed(news.dir, *news.last, until);
    } else {
      freshness_.NoteWhole(news.dir, until > now ? until : now + Interval());
    }
  }

  const Context& context_;
  AbsentNames absent_;
  Freshness freshness_;
  Silence silence_;
  Lookups lookups_;
  NameQuestions name_questions_;
  Listings listings_;
  ThreadPool pool_;  // Last: its tasks use all of the above.
};

}  // namespace

std::unique_ptr<Loader> NewLoader(const Context& context) {
  return std::make_unique<UfsLoader>(context);
}

}  // namespace tarn::meta
