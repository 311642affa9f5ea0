#include "meta/loading/listings.h"

#include <utility>

#include "base/current_request.h"
#include "base/log.h"
#include "base/strings.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kThreads = 4;
// A source that does not answer keeps its threads. Other sources still need some.
constexpr size_t kMostThreads = 256;
constexpr size_t kQueued = 16;
constexpr uint64_t kPagesAhead = 64;  // The most that a listing applies before a reader waits.

using Loaded = Loader::Loaded;
using Progress = Loader::Progress;

ThreadPoolOptions PoolOf(const char* name) {
  return {
      .name = name, .threads = kThreads, .most_threads = kMostThreads, .queue_capacity = kQueued};
}

Status Stopped(InodeId dir) {
  return Status(Code::kCancelled, Concat("list directory ", dir.value, ": the caller was stopped"));
}

}  // namespace

void Listings::Wake() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

// The request that began the listing was stopped. Other callers begin another one.
bool Listings::EndedForItsOwner(const Listing& listing) const {
  return listing.done && listing.status.code() == Code::kCancelled && !stopping_;
}

Listings::Listings(const Context& context, std::function<void(const News&)> on_listed)
    : context_(context),
      on_listed_(std::move(on_listed)),
      ahead_(PoolOf("tarn-list-ahead")),
      pool_(PoolOf("tarn-list")) {}

Listings::~Listings() {
  stopping_ = true;
  pool_.Shutdown();
}

std::shared_ptr<Listings::Listing> Listings::Begin(InodeId dir) {
  auto listing = std::make_shared<Listing>();
  listing->number = next_++;
  listing->began = context_.clock.Now();
  listings_[dir] = listing;
  return listing;
}

bool Listings::IsUnderWay(InodeId dir) {
  MutexLock lock(mutex_);
  return listings_.contains(dir);
}

Status Listings::ListAll(InodeId dir, Joining joining) {
  std::shared_ptr<Listing> listing;
  const std::stop_token stop = StopOfRequest();
  const std::stop_callback wake(stop, [this] { Wake(); });
  {
    MutexLock lock(mutex_);
    const uint64_t asked = next_;
    for (;;) {
      auto found = listings_.find(dir);
      if (found == listings_.end()) break;
      listing = found->second;
      listing->wanted = true;
      while (!listing->done && !stop.stop_requested()) changed_.Wait(mutex_);
      if (!listing->done) return Stopped(dir);
      if (EndedForItsOwner(*listing)) continue;
      if (joining == Joining::kAny || listing->number >= asked) return listing->status;
    }
    listing = Begin(dir);
  }
  const std::unique_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  return Run(dir, *listing, *pass);
}

Status Listings::ListWithin(InodeId dir, Deadline deadline) {
  const std::stop_token stop = StopOfRequest();
  const std::stop_callback wake(stop, [this] { Wake(); });
  std::shared_ptr<Listing> listing;
  bool begun = false;
  {
    MutexLock lock(mutex_);
    auto found = listings_.find(dir);
    begun = found == listings_.end();
    listing = begun ? Begin(dir) : found->second;
    listing->wanted = true;
  }
  if (begun) {
    std::shared_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
    if (!RunInBackground(dir, listing, pass)) return Run(dir, *listing, *pass);
  }
  MutexLock lock(mutex_);
  while (!listing->done) {
    if (stop.stop_requested()) return Stopped(dir);
    const MonotonicTime now = context_.clock.Now();
    if (deadline.PassedBy(now)) {
      return Status(Code::kDeadlineExceeded, "the source has not been listed in time");
    }
    changed_.WaitFor(mutex_, deadline.at() - now);
  }
  return listing->status;
}

void Listings::Prefetch(InodeId dir) {
  std::shared_ptr<Listing> listing;
  {
    MutexLock lock(mutex_);
    if (listings_.contains(dir)) return;
    listing = Begin(dir);
    listing->wanted = false;
  }
  std::shared_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  if (RunInBackground(dir, listing, pass)) return;
  {
    MutexLock lock(mutex_);
    if (!listing->wanted) return FinishLocked(dir, *listing, OkStatus());
  }
  // A caller has joined meanwhile, and waits for the outcome.
  const Status status = Run(dir, *listing, *pass);
  if (!status.ok()) LogDebug("list directory ", dir.value, " ahead: ", status);
}

std::shared_ptr<Listings::Listing> Listings::JoinOrBegin(InodeId dir, Progress& progress,
                                                         bool& begun) {
  const std::stop_token stop = StopOfRequest();
  const std::stop_callback wake(stop, [this] { Wake(); });
  MutexLock lock(mutex_);
  auto found = listings_.find(dir);
  begun = found == listings_.end();
  std::shared_ptr<Listing> listing = begun ? Begin(dir) : found->second;
  listing->wanted = true;
  const uint64_t seen = progress.listing == listing->number ? progress.pages : 0;
  while (!begun && !listing->done && listing->pages <= seen && !stop.stop_requested()) {
    changed_.Wait(mutex_);
  }
  progress = {listing->number, listing->pages};
  return listing;
}

Result<Loaded> Listings::ListMore(InodeId dir, Progress& progress) {
  bool begun = false;
  const std::shared_ptr<Listing> listing = JoinOrBegin(dir, progress, begun);
  if (!begun) {
    if (StopOfRequest().stop_requested()) return Stopped(dir);
    MutexLock lock(mutex_);
    if (!listing->done || EndedForItsOwner(*listing)) return Loaded::kSome;
    if (!listing->status.ok()) return listing->status;
    return Loaded::kAll;
  }
  std::shared_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  Result<ListingPass::State> first = pass->Next();
  Status status = first.status();
  if (first.ok() && *first == ListingPass::State::kMore) {
    NoteApplied(dir, *listing, *pass);
    progress.pages = 1;
    if (RunInBackground(dir, listing, pass)) return Loaded::kSome;
    status = Run(dir, *listing, *pass);
  } else {
    Finish(dir, *listing, status);
  }
  if (!status.ok()) return status;
  return Loaded::kAll;
}

bool Listings::RunInBackground(InodeId dir, const std::shared_ptr<Listing>& listing,
                               const std::shared_ptr<ListingPass>& pass) {
  return pool_
      .TrySubmit([this, dir, listing, pass] {
        const Status status = Run(dir, *listing, *pass);
        if (!status.ok()) LogDebug("list directory ", dir.value, ": ", status);
      })
      .ok();
}

Status Listings::Run(InodeId dir, Listing& listing, ListingPass& pass) {
  for (;;) {
    Result<ListingPass::State> state =
        stopping_ ? Status(Code::kCancelled, "list a directory: the namespace is being closed")
                  : pass.Next();
    const bool more = state.ok() && *state == ListingPass::State::kMore;
    if (more && NoteApplied(dir, listing, pass)) continue;
    if (!more) Finish(dir, listing, state.status());
    return state.status();
  }
}

bool Listings::NoteApplied(InodeId dir, Listing& listing, const ListingPass& pass) {
  on_listed_({dir, listing.began, pass.Last()});
  MutexLock lock(mutex_);
  ++listing.pages;
  const bool goes_on = listing.wanted || listing.pages < kPagesAhead;
  if (!goes_on) FinishLocked(dir, listing, OkStatus());
  changed_.NotifyAll();
  return goes_on;
}

void Listings::FinishLocked(InodeId dir, Listing& listing, const Status& status) {
  listing.status = status;
  listing.done = true;
  listings_.erase(dir);
  changed_.NotifyAll();
}

void Listings::Finish(InodeId dir, Listing& listing, const Status& status) {
  if (status.ok()) on_listed_({dir, listing.began, std::nullopt});
  MutexLock lock(mutex_);
  FinishLocked(dir, listing, status);
}

}  // namespace tarn::meta
