#include "http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <list>

#include "base/mutex.h"
#include "base/strings.h"
#include "http/curl/transfer.h"

namespace tarn::http {
namespace {

constexpr int kMaxPollMs = 1000;
constexpr size_t kMaxIdleLanes = 64;

void InitCurlOnce() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(done == CURLE_OK);
}

// What all lanes share: resolved names and TLS sessions to resume.
class Shared {
 public:
  Shared() : share_(curl_share_init()) {
    CHECK(share_ != nullptr);
    curl_share_setopt(share_, CURLSHOPT_LOCKFUNC, Lock);
    curl_share_setopt(share_, CURLSHOPT_UNLOCKFUNC, Unlock);
    curl_share_setopt(share_, CURLSHOPT_USERDATA, this);
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  ~Shared() { curl_share_cleanup(share_); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  CURLSH* get() const { return share_; }

 private:
  static void Lock(CURL*, curl_lock_data data, curl_lock_access,
                   void* self) NO_THREAD_SAFETY_ANALYSIS {
    static_cast<Shared*>(self)->mutexes_[static_cast<size_t>(data)].lock();
  }
  static void Unlock(CURL*, curl_lock_data data, void* self) NO_THREAD_SAFETY_ANALYSIS {
    static_cast<Shared*>(self)->mutexes_[static_cast<size_t>(data)].unlock();
  }
  std::array<Mutex, CURL_LOCK_DATA_LAST + 1> mutexes_;
  CURLSH* const share_;
};

// An exchange under way, and its twin if it has one.
class Race {
 public:
  Race(Exchange& exchange, const Options& options, CURLSH* share, Sockets& sockets, CURLM* multi,
       MonotonicTime now)
      : exchange_(exchange), options_(options), share_(share), sockets_(sockets), multi_(multi) {
    if (exchange.request.twin && exchange.request.twin_after < Nanos::max()) {
      twin_at_ = now + exchange.request.twin_after;
    }
    first_ = Start(exchange);
  }
  ~Race() {
    Drop(first_);
    Drop(second_);
  }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  MonotonicTime twin_at() const { return twin_at_; }
  // Call it after each turn, until it is true.
  bool IsOver() {
    if (first_->done() && (!second_ || IsFinal(exchange_))) return true;
    if (!second_ || !second_->done()) return false;
    const bool counts = IsWhole(twin_) || twin_.refused;
    if (counts) TakeTwin();
    if (counts || first_->done()) return true;
    Drop(second_);
    return false;
  }
  void StartTwin() {
    twin_at_ = MonotonicTime::max();
    BodyTaker* taker = exchange_.request.twin();
    if (taker == nullptr) return;
    twin_.request = exchange_.request;
    twin_.request.taker = taker;
    second_ = Start(twin_);
  }
  void GiveUp(const Status& status) {
    if (!first_->done()) first_->GiveUp(status);
    Drop(second_);
  }
  void CheckProgress(MonotonicTime now) { first_->CheckProgress(now); }
  MonotonicTime EndOf(MonotonicTime deadline, Nanos budget) const {
    return first_->EndOf(deadline, budget);
  }

 private:
  std::unique_ptr<Transfer> Start(Exchange& exchange) {
    auto transfer = std::make_unique<Transfer>(exchange, options_, share_, sockets_);
    CHECK(curl_multi_add_handle(multi_, transfer->easy()) == CURLM_OK);
    return transfer;
  }
  void Drop(std::unique_ptr<Transfer>& transfer) {
    if (!transfer) return;
    curl_multi_remove_handle(multi_, transfer->easy());
    transfer.reset();
  }
  static bool IsWhole(const Exchange& exchange) {
    return exchange.status.ok() && exchange.response.status / 100 == 2;
  }
  // A second answer would say the same, or be refused too.
  static bool IsFinal(const Exchange& exchange) {
    if (!exchange.status.ok()) {
      return exchange.refused || exchange.status.code() != Code::kUnavailable;
    }
    const int status = exchange.response.status;
    return status / 100 <= 4 && status != 408 && status != 429;
  }
  void TakeTwin() {
    exchange_.response = std::move(twin_.response);
    exchange_.response.of_twin = true;
    exchange_.status = twin_.status;
    exchange_.sent = true;
    exchange_.refused = twin_.refused;
  }

  Exchange& exchange_;
  Exchange twin_;
  const Options& options_;
  CURLSH* const share_;
  Sockets& sockets_;
  CURLM* const multi_;
  MonotonicTime twin_at_ = MonotonicTime::max();
  std::unique_ptr<Transfer> first_;
  std::unique_ptr<Transfer> second_;
};

// A set of kept connections for one thread at a time.
class Lane {
 public:
  explicit Lane(const Clock& clock) : clock_(clock), multi_(curl_multi_init()) {
    CHECK(multi_ != nullptr);
  }
  ~Lane() { curl_multi_cleanup(multi_); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void Perform(std::span<Exchange* const> exchanges, const Options& options, CURLSH* share,
               Deadline deadline, const std::stop_token& stop) {
    std::list<Race> races;
    for (Exchange* exchange : exchanges) {
      races.emplace_back(*exchange, options, share, sockets_, multi_, clock_.Now());
    }
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_); });
    Drive(races, deadline, stop);
  }

 private:
  void Drive(std::list<Race>& races, Deadline deadline, const std::stop_token& stop) {
    const Nanos budget = deadline.at() - clock_.Now();
    for (;;) {
      int running = 0;
      CHECK(curl_multi_perform(multi_, &running) == CURLM_OK);
      TakeFinished();
      const MonotonicTime now = clock_.Now();
      const MonotonicTime end = EndLate(races, now, deadline.at(), budget);
      std::erase_if(races, [](Race& race) { return race.IsOver(); });
      if (races.empty()) return;
      if (stop.stop_requested()) {
        return GiveUp(races, Status(Code::kCancelled, "call cancelled"));
      }
      const Nanos wait = std::min(end - now, StartTwins(races, now));
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count() + 1;
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::min<int64_t>(ms, kMaxPollMs)),
                      nullptr);
    }
  }

  // Gives up the exchanges whose time is over. Returns when the time of the next one is over.
  static MonotonicTime EndLate(std::list<Race>& races, MonotonicTime now, MonotonicTime deadline,
                               Nanos budget) {
    MonotonicTime first = MonotonicTime::max();
    for (Race& race : races) {
      race.CheckProgress(now);
      const MonotonicTime end = race.EndOf(deadline, budget);
      if (end <= now) {
        race.GiveUp(Status(Code::kDeadlineExceeded, "deadline passed"));
      } else {
        first = std::min(first, end);
      }
    }
    return first;
  }

  // Returns how long it is until the next twin.
  static Nanos StartTwins(std::list<Race>& races, MonotonicTime now) {
    MonotonicTime next = MonotonicTime::max();
    for (Race& race : races) {
      if (race.twin_at() <= now) {
        race.StartTwin();
        next = now;  // A transfer that was added starts with the next turn.
      }
      next = std::min(next, race.twin_at());
    }
    return next == MonotonicTime::max() ? Nanos::max() : next - now;
  }

  void TakeFinished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      transfer->Finish(message->data.result);
    }
  }

  static void GiveUp(std::list<Race>& races, const Status& status) {
    for (Race& race : races) race.GiveUp(status);
  }

  const Clock& clock_;
  Sockets sockets_;  // Outlives the connections.
  CURLM* const multi_;
};

class CurlClient final : public Client {
 public:
  CurlClient(const Options& options, const Clock& clock) : options_(options), clock_(clock) {}

  void Perform(std::span<Exchange* const> exchanges, Deadline deadline,
               const std::stop_token& stop) override {
    std::unique_ptr<Lane> lane = TakeLane();
    lane->Perform(exchanges, options_, shared_.get(), deadline, stop);
    GiveBack(std::move(lane));
  }

 private:
  // Takes the lane that was used last: its connections are the least likely to be closed.
  std::unique_ptr<Lane> TakeLane() {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Lane> lane = std::move(idle_.back());
        idle_.pop_back();
        return lane;
      }
    }
    return std::make_unique<Lane>(clock_);
  }
  void GiveBack(std::unique_ptr<Lane> lane) {
    MutexLock lock(mutex_);
    if (idle_.size() < kMaxIdleLanes) idle_.push_back(std::move(lane));
  }

  const Options options_;
  const Clock& clock_;
  const Shared shared_;  // Outlives the lanes, which use it.
  Mutex mutex_;
  std::vector<std::unique_ptr<Lane>> idle_ GUARDED_BY(mutex_);
};

}  // namespace

std::string Response::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

std::unique_ptr<Client> NewClient(const Options& options, const Clock& clock) {
  InitCurlOnce();
  return std::make_unique<CurlClient>(options, clock);
}

}  // namespace tarn::http
