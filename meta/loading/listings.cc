#include "meta/loading/listings.h"

#include <utility>

#include "base/current_request.h"
#include "base/log.h"
#include "base/strings.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kThreads = 4;
// A source that does not answer keeps its threads: those of another need some all the same.
constexpr size_t kMostThreads = 256;
constexpr size_t kQueued = 16;
constexpr uint64_t kPagesAhead = 64;  // That nobody has asked for.

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

void Flights::Wake() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

// The request that it was begun for was stopped, which is nothing to the others.
bool Flights::EndedForItsOwner(const Flight& flight) const {
  return flight.done && flight.status.code() == Code::kCancelled && !stopping_;
}

Flights::Flights(const Context& context, std::function<void(const News&)> listed)
    : context_(context),
      listed_(std::move(listed)),
      ahead_(PoolOf("tarn-list-ahead")),
      pool_(PoolOf("tarn-list")) {}

Flights::~Flights() {
  stopping_ = true;
  pool_.Shutdown();
}

std::shared_ptr<Flights::Flight> Flights::Begin(InodeId dir) {
  auto flight = std::make_shared<Flight>();
  flight->number = next_++;
  flight->began = context_.clock.Now();
  flights_[dir] = flight;
  return flight;
}

bool Flights::IsUnderWay(InodeId dir) {
  MutexLock lock(mutex_);
  return flights_.contains(dir);
}

Status Flights::Whole(InodeId dir, Joining joining) {
  std::shared_ptr<Flight> flight;
  const std::stop_token stop = StopOfRequest();
  const std::stop_callback wake(stop, [this] { Wake(); });
  {
    MutexLock lock(mutex_);
    const uint64_t asked = next_;
    for (;;) {
      auto found = flights_.find(dir);
      if (found == flights_.end()) break;
      flight = found->second;
      flight->wanted = true;
      while (!flight->done && !stop.stop_requested()) changed_.Wait(mutex_);
      if (!flight->done) return Stopped(dir);
      if (EndedForItsOwner(*flight)) continue;
      if (joining == Joining::kAny || flight->number >= asked) return flight->status;
    }
    flight = Begin(dir);
  }
  const std::unique_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  return Fly(dir, *flight, *pass);
}

Status Flights::Within(InodeId dir, Deadline deadline) {
  const std::stop_token stop = StopOfRequest();
  const std::stop_callback wake(stop, [this] { Wake(); });
  std::shared_ptr<Flight> flight;
  bool begun = false;
  {
    MutexLock lock(mutex_);
    auto found = flights_.find(dir);
    begun = found == flights_.end();
    flight = begun ? Begin(dir) : found->second;
    flight->wanted = true;
  }
  if (begun) {
    std::shared_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
    if (!FlyInBackground(dir, flight, pass)) return Fly(dir, *flight, *pass);
  }
  MutexLock lock(mutex_);
  while (!flight->done) {
    if (stop.stop_requested()) return Stopped(dir);
    const MonotonicTime now = context_.clock.Now();
    if (deadline.PassedBy(now))
      return Status(Code::kDeadlineExceeded, "the source has not been listed in time");
    changed_.WaitFor(mutex_, deadline.at() - now);
  }
  return flight->status;
}

void Flights::Ahead(InodeId dir) {
  std::shared_ptr<Flight> flight;
  {
    MutexLock lock(mutex_);
    if (flights_.contains(dir)) return;
    flight = Begin(dir);
    flight->wanted = false;
  }
  std::shared_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  if (FlyInBackground(dir, flight, pass)) return;
  {
    MutexLock lock(mutex_);
    if (!flight->wanted) return LandLocked(dir, *flight, OkStatus());
  }
  // Somebody has joined meanwhile, and is told what comes of it.
  const Status status = Fly(dir, *flight, *pass);
  if (!status.ok()) LogDebug("list directory ", dir.value, " ahead: ", status);
}

std::shared_ptr<Flights::Flight> Flights::JoinOrBegin(InodeId dir, Progress& progress,
                                                      bool& begun) {
  const std::stop_token stop = StopOfRequest();
  const std::stop_callback wake(stop, [this] { Wake(); });
  MutexLock lock(mutex_);
  auto found = flights_.find(dir);
  begun = found == flights_.end();
  std::shared_ptr<Flight> flight = begun ? Begin(dir) : found->second;
  flight->wanted = true;
  const uint64_t seen = progress.listing == flight->number ? progress.pages : 0;
  while (!begun && !flight->done && flight->pages <= seen && !stop.stop_requested())
    changed_.Wait(mutex_);
  progress = {flight->number, flight->pages};
  return flight;
}

Result<Loaded> Flights::Some(InodeId dir, Progress& progress) {
  bool begun = false;
  const std::shared_ptr<Flight> flight = JoinOrBegin(dir, progress, begun);
  if (!begun) {
    if (StopOfRequest().stop_requested()) return Stopped(dir);
    MutexLock lock(mutex_);
    if (!flight->done || EndedForItsOwner(*flight)) return Loaded::kSome;
    if (!flight->status.ok()) return flight->status;
    return Loaded::kAll;
  }
  std::shared_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  Result<ListingPass::State> first = pass->Next();
  Status status = first.status();
  if (first.ok() && *first == ListingPass::State::kMore) {
    Applied(dir, *flight, *pass);
    progress.pages = 1;
    if (FlyInBackground(dir, flight, pass)) return Loaded::kSome;
    status = Fly(dir, *flight, *pass);
  } else {
    Land(dir, *flight, status);
  }
  if (!status.ok()) return status;
  return Loaded::kAll;
}

bool Flights::FlyInBackground(InodeId dir, const std::shared_ptr<Flight>& flight,
                              const std::shared_ptr<ListingPass>& pass) {
  return pool_
      .TrySubmit([this, dir, flight, pass] {
        const Status status = Fly(dir, *flight, *pass);
        if (!status.ok()) LogDebug("list directory ", dir.value, ": ", status);
      })
      .ok();
}

Status Flights::Fly(InodeId dir, Flight& flight, ListingPass& pass) {
  for (;;) {
    Result<ListingPass::State> state =
        stopping_ ? Status(Code::kCancelled, "list a directory: the namespace is being closed")
                  : pass.Next();
    const bool more = state.ok() && *state == ListingPass::State::kMore;
    if (more && Applied(dir, flight, pass)) continue;
    if (!more) Land(dir, flight, state.status());
    return state.status();
  }
}

bool Flights::Applied(InodeId dir, Flight& flight, const ListingPass& pass) {
  listed_({dir, flight.began, pass.Last()});
  MutexLock lock(mutex_);
  ++flight.pages;
  const bool goes_on = flight.wanted || flight.pages < kPagesAhead;
  if (!goes_on) LandLocked(dir, flight, OkStatus());
  changed_.NotifyAll();
  return goes_on;
}

void Flights::LandLocked(InodeId dir, Flight& flight, const Status& status) {
  flight.status = status;
  flight.done = true;
  flights_.erase(dir);
  changed_.NotifyAll();
}

void Flights::Land(InodeId dir, Flight& flight, const Status& status) {
  if (status.ok()) listed_({dir, flight.began, std::nullopt});
  MutexLock lock(mutex_);
  LandLocked(dir, flight, status);
}

}  // namespace tarn::meta
