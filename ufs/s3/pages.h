#pragma once

// Pages of a bucket's keys. A listing continues by start-after (version 2), by a marker (version
// 1), or by continuation tokens alone, as the store understands. The answer of a store shows that
// it ignores or refuses one way: then the next way is tried, and remembered. Thread-safe; blocks on
// the store.

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "s3wire/xml.h"
#include "ufs/s3/client.h"

namespace tarn::ufs::s3 {

struct PageRequest {
  std::string prefix;  // Ends in '/', or is empty.
  std::string after;   // A key, or a directory with its slash; empty: from the start.
  size_t count = 1000;
};

// The objects and directories directly below a prefix, in the order of their keys.
struct KeyPage {
  struct Entry {
    std::string full_key;                        // A directory's ends in '/'.
    std::optional<s3wire::ListedObject> object;  // Nullopt: a directory.
    bool operator<(const Entry& other) const { return full_key < other.full_key; }
  };
  std::vector<Entry> entries;  // The prefix's own marker may be among them.
  std::vector<std::pair<std::string, std::string>> skipped;  // Keys, and why they are left out.
  bool truncated = false;                                    // More follows.
  // A next page may begin after any of the entries. False: after the last one only.
  bool goes_on_anywhere = true;
  bool Has(std::string_view full_key) const;
};

class Pages {
 public:
  explicit Pages(Client& client) : client_(client) {}
  // A page with entries, or the last page. kCorruption: the listing of the store never ends.
  Result<KeyPage> Get(const PageRequest& request, const CallOptions& call);
  // Get of one entry in two steps, so that its request can run beside others. FinishOne takes the
  // request as Client::Run left it.
  S3Call CallForOne(const std::string& prefix) const;
  Result<KeyPage> FinishOne(const std::string& prefix, S3Call sent, const CallOptions& call);

 private:
  enum class Way : uint8_t { kStartAfter, kMarker, kTokens };
  struct Asking;  // Where the next request begins, and how it says that.
  Asking Begin(const PageRequest& request) const;
  S3Call NewCall(const PageRequest& request, const Asking& asking) const;
  // The listing that came. Asks again for a damaged one, and in a simpler form if the store refuses
  // the request.
  Result<s3wire::ObjectListing> Understand(const PageRequest& request, Asking& asking, S3Call& sent,
                                           const CallOptions& call);
  Result<KeyPage> Finish(const PageRequest& request, Asking asking, S3Call sent,
                         const CallOptions& call);
  // Sets where the next request begins. `last`: the last key of the page. kCorruption: there is no
  // way.
  static Status Advance(const s3wire::ObjectListing& listing, const std::string& last,
                        const std::string& what, Asking& asking);
  void TakeOtherWay(Asking& asking);
  std::string TokenOf(const PageRequest& request) const;
  void Remember(const PageRequest& request, const std::string& last, const std::string& token);

  Client& client_;
  std::atomic<Way> way_ = Way::kStartAfter;
  std::atomic<bool> encodes_ = true;  // The store takes encoding-type.
  mutable Mutex mutex_;               // A leaf.
  // For kTokens: prefix and last key of a page, and the token of the page after it.
  std::deque<std::pair<std::string, std::string>> tokens_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs::s3
