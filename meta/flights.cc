#include "meta/flights.h"

#include <utility>

#include "base/log.h"
#include "meta/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kQueued = 16;

using Loaded = Loader::Loaded;
using Progress = Loader::Progress;

}  // namespace

Flights::Flights(const Context& context, std::function<void(InodeId)> landed)
    : context_(context),
      landed_(std::move(landed)),
      ahead_({"tarn-list-ahead", kThreads, kQueued}),
      pool_({"tarn-list", kThreads, kQueued}) {}

Flights::~Flights() {
  stopping_ = true;
  pool_.Shutdown();
}

std::shared_ptr<Flights::Flight> Flights::Begin(InodeId dir) {
  auto flight = std::make_shared<Flight>();
  flight->number = next_++;
  flights_[dir] = flight;
  return flight;
}

bool Flights::IsUnderWay(InodeId dir) {
  MutexLock lock(mutex_);
  return flights_.contains(dir);
}

Status Flights::Whole(InodeId dir, Joining joining) {
  std::shared_ptr<Flight> flight;
  {
    MutexLock lock(mutex_);
    const uint64_t asked = next_;
    for (;;) {
      auto found = flights_.find(dir);
      if (found == flights_.end()) break;
      flight = found->second;
      while (!flight->done) changed_.Wait(mutex_);
      if (joining == Joining::kAny || flight->number >= asked) return flight->status;
    }
    flight = Begin(dir);
  }
  const std::unique_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  Status status = Fly(*flight, *pass);
  Land(dir, *flight, status);
  return status;
}

std::shared_ptr<Flights::Flight> Flights::JoinOrBegin(InodeId dir, Progress& progress,
                                                      bool& begun) {
  MutexLock lock(mutex_);
  auto found = flights_.find(dir);
  begun = found == flights_.end();
  std::shared_ptr<Flight> flight = begun ? Begin(dir) : found->second;
  const uint64_t seen = progress.listing == flight->number ? progress.pages : 0;
  while (!begun && !flight->done && flight->pages <= seen) changed_.Wait(mutex_);
  progress = {flight->number, flight->pages};
  return flight;
}

Result<Loaded> Flights::Some(InodeId dir, Progress& progress) {
  bool begun = false;
  const std::shared_ptr<Flight> flight = JoinOrBegin(dir, progress, begun);
  if (!begun) {
    MutexLock lock(mutex_);
    if (!flight->done) return Loaded::kSome;
    if (!flight->status.ok()) return flight->status;
    return Loaded::kAll;
  }
  std::shared_ptr<ListingPass> pass = NewListingPass(context_, dir, &ahead_);
  Result<ListingPass::State> first = pass->Next();
  Status status = first.status();
  if (first.ok() && *first == ListingPass::State::kMore) {
    Applied(*flight);
    progress.pages = 1;
    auto rest = [this, dir, flight, pass] { Land(dir, *flight, Fly(*flight, *pass)); };
    if (pool_.TrySubmit(rest).ok()) return Loaded::kSome;
    status = Fly(*flight, *pass);
  }
  Land(dir, *flight, status);
  if (!status.ok()) return status;
  return Loaded::kAll;
}

Status Flights::Fly(Flight& flight, ListingPass& pass) {
  while (!stopping_) {
    ASSIGN_OR_RETURN(ListingPass::State state, pass.Next());
    if (state == ListingPass::State::kDone) return OkStatus();
    Applied(flight);
  }
  return Status(Code::kCancelled, "list a directory: the namespace is being closed");
}

void Flights::Applied(Flight& flight) {
  MutexLock lock(mutex_);
  ++flight.pages;
  changed_.NotifyAll();
}

void Flights::Land(InodeId dir, Flight& flight, const Status& status) {
  if (status.ok()) landed_(dir);
  MutexLock lock(mutex_);
  flight.status = status;
  flight.done = true;
  flights_.erase(dir);
  changed_.NotifyAll();
}

}  // namespace tarn::meta
