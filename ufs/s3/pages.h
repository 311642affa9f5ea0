#pragma once

// Pages of a bucket's keys. Stores differ in how a listing goes on: by start-after (version 2), by
// a marker (version 1), or by continuation tokens alone. A store that ignores or refuses one way
// shows it by its answer; the next way is taken then, and remembered. Internal to ufs/s3.
// Thread-safe; blocks.

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
  // A next page may begin behind any of the entries. False: behind the last one only.
  bool goes_on_anywhere = true;
  bool Has(std::string_view full_key) const;
};

class Pages {
 public:
  explicit Pages(Client& client) : client_(client) {}
  // Has entries, or is the last one. kCorruption: the store does not list in a way that ends.
  Result<KeyPage> Get(const PageRequest& request, const CallOptions& call);
  // Get of one entry in two steps, so that its request can be sent beside others. The second takes
  // the request as Client::Run left it.
  S3Call CallForOne(const std::string& prefix) const;
  Result<KeyPage> FinishOne(const std::string& prefix, S3Call sent, const CallOptions& call);

 private:
  enum class Way : uint8_t { kStartAfter, kMarker, kTokens };
  struct Asking;  // Where the next request begins, and how it says so.
  Asking Begin(const PageRequest& request) const;
  S3Call NewCall(const PageRequest& request, const Asking& asking) const;
  // The listing that came. A damaged one is asked for again; a request that the store refuses is
  // asked in a simpler form.
  Result<s3wire::ObjectListing> Understand(const PageRequest& request, Asking& asking, S3Call& sent,
                                           const CallOptions& call);
  Result<KeyPage> Finish(const PageRequest& request, Asking asking, S3Call sent,
                         const CallOptions& call);
  // `last`: the last key of the page. kCorruption: there is no way on.
  static Status Advance(const s3wire::ObjectListing& listing, const std::string& last,
                        const std::string& what, Asking& asking);
  void TakeOtherWay(Asking& asking);
  std::string TokenOf(const PageRequest& request) const;
  void Remember(const PageRequest& request, const std::string& last, const std::string& token);

  Client& client_;
  std::atomic<Way> way_ = Way::kStartAfter;
  std::atomic<bool> encodes_ = true;  // The store takes encoding-type.
  mutable Mutex mutex_;               // A leaf.
  // Of kTokens: the prefix and the last key of a page, and where the store goes on behind it.
  std::deque<std::pair<std::string, std::string>> tokens_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs::s3
