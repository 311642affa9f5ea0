#include "ufs/s3/pages.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kMaxKeys = 1000;      // S3 gives no more at once.
constexpr int kTries = 5;              // While answers are damaged.
constexpr int kMostEmptyPages = 1000;  // In a row.
constexpr size_t kTokensKept = 256;
constexpr std::string_view kLastCharacter = "\xf4\x8f\xbf\xbf";  // U+10FFFF

// The key to list after. For a directory it is after all keys below the directory.
std::string Behind(const PageRequest& request, const std::string& key) {
  const bool directory = key.size() > request.prefix.size() && key.ends_with('/');
  return directory ? Concat(key, kLastCharacter) : key;
}

std::string PlaceOf(const PageRequest& request, const std::string& key) {
  return Concat(request.prefix, '\0', key);
}

// A store that knows no delimiter also lists the keys below directories.
void AddKey(const PageRequest& request, std::string key, std::optional<s3wire::ListedObject> object,
            KeyPage& page) {
  if (!key.starts_with(request.prefix)) {
    page.skipped.emplace_back(std::move(key), "the store listed it below another prefix");
    return;
  }
  const size_t slash = key.find('/', request.prefix.size());
  if (slash != std::string::npos) {
    page.entries.push_back({key.substr(0, slash + 1), std::nullopt});
  } else if (object) {
    page.entries.push_back({std::move(key), std::move(object)});
  } else if (key.size() > request.prefix.size()) {
    page.entries.push_back({Concat(key, "/"), std::nullopt});
  }
}

KeyPage PageOf(const PageRequest& request, const s3wire::ObjectListing& listing) {
  KeyPage page;
  for (const s3wire::ListedObject& object : listing.objects) {
    AddKey(request, object.key, object, page);
  }
  for (const std::string& prefix : listing.prefixes) AddKey(request, prefix, std::nullopt, page);
  for (const std::string& key : listing.unreadable) {
    page.skipped.emplace_back(key, "its entry in the listing cannot be read");
  }
  std::stable_sort(page.entries.begin(), page.entries.end());
  const auto same = [](const auto& a, const auto& b) { return a.full_key == b.full_key; };
  page.entries.erase(std::unique(page.entries.begin(), page.entries.end(), same),
                     page.entries.end());
  const bool full = listing.objects.size() + listing.prefixes.size() >= request.count;
  page.truncated = listing.truncated.value_or(!listing.next_token.empty() ||
                                              !listing.next_marker.empty() || full);
  return page;
}

}  // namespace

struct Pages::Asking {
  Way way;
  bool encodes;
  std::string after;        // Only later keys count; empty: all.
  std::string token;        // The request begins there; empty: after `after`.
  bool remembered = false;  // The token comes from an earlier page.
};

bool KeyPage::Has(std::string_view full_key) const {
  return std::binary_search(entries.begin(), entries.end(),
                            Entry{std::string(full_key), std::nullopt});
}

std::string Pages::TokenOf(const PageRequest& request) const {
  const std::string key = PlaceOf(request, request.after);
  MutexLock lock(mutex_);
  for (const auto& [place, token] : tokens_) {
    if (place == key) return token;
  }
  return "";
}

void Pages::Remember(const PageRequest& request, const std::string& last,
                     const std::string& token) {
  MutexLock lock(mutex_);
  tokens_.emplace_front(PlaceOf(request, last), token);
  if (tokens_.size() > kTokensKept) tokens_.pop_back();
}

Pages::Asking Pages::Begin(const PageRequest& request) const {
  Asking asking{way_, encodes_, request.after, "", false};
  if (asking.way == Way::kTokens && !request.after.empty()) asking.token = TokenOf(request);
  asking.remembered = !asking.token.empty();
  return asking;
}

S3Call Pages::NewCall(const PageRequest& request, const Asking& asking) const {
  S3Call list;
  list.method = "GET";
  list.what = Concat("list ", client_.Uri(request.prefix),
                     asking.after.empty() ? "" : Concat(" after ", asking.after));
  if (asking.way != Way::kMarker) list.query.emplace_back("list-type", "2");
  list.query.emplace_back("prefix", request.prefix);
  list.query.emplace_back("delimiter", "/");
  list.query.emplace_back("max-keys",
                          std::to_string(std::clamp<size_t>(request.count, 1, kMaxKeys)));
  if (asking.encodes) list.query.emplace_back("encoding-type", "url");
  if (!asking.token.empty()) {
    list.query.emplace_back("continuation-token", asking.token);
  } else if (!asking.after.empty() && asking.way != Way::kTokens) {
    list.query.emplace_back(asking.way == Way::kMarker ? "marker" : "start-after",
                            Behind(request, asking.after));
  }
  return list;
}

Result<KeyPage> Pages::Get(const PageRequest& request, const CallOptions& call) {
  const Asking asking = Begin(request);
  S3Call sent = NewCall(request, asking);
  client_.Run(std::span(&sent, 1), call);
  return Finish(request, asking, std::move(sent), call);
}

S3Call Pages::CallForOne(const std::string& prefix) const {
  const PageRequest request{prefix, "", 1};
  return NewCall(request, Begin(request));
}

Result<KeyPage> Pages::FinishOne(const std::string& prefix, S3Call sent, const CallOptions& call) {
  const PageRequest request{prefix, "", 1};
  return Finish(request, Begin(request), std::move(sent), call);
}

Result<s3wire::ObjectListing> Pages::Understand(const PageRequest& request, Asking& asking,
                                                S3Call& sent, const CallOptions& call) {
  Status refusal;
  for (int damaged = 0;;) {
    Result<s3wire::ObjectListing> listing =
        sent.status.ok() ? s3wire::ParseObjectListing(sent.response.body) : sent.status;
    if (listing.ok()) {
      // Note only what a refusal has taught: another thread may have learned more meanwhile.
      if (!refusal.ok()) {
        encodes_ = asking.encodes;
        way_ = asking.way;
        LogInfo(client_.Endpoint(), " does not list in the usual form (", refusal,
                "): it is asked in a simpler one");
      }
      return listing;
    }
    if (sent.status.ok()) {
      if (++damaged == kTries) {
        return Status(listing.code(), Concat(sent.what, ": ", listing.status().message()));
      }
    } else {
      if (refusal.ok()) refusal = sent.status;
      if (!sent.IsUnknownThere()) return refusal;
      // First without the encoding of keys, then by version 1 with and without it.
      const bool simplest = asking.way == Way::kMarker && !asking.encodes;
      if (simplest) return refusal;
      if (!asking.encodes) asking.way = Way::kMarker;
      asking.encodes = !asking.encodes;
      asking.token.clear();
    }
    sent = NewCall(request, asking);
    client_.Run(std::span(&sent, 1), call);
  }
}

void Pages::TakeOtherWay(Asking& asking) {
  const bool marker_next = asking.way == Way::kStartAfter;
  asking.way = marker_next ? Way::kMarker : Way::kTokens;
  if (way_.exchange(asking.way) == asking.way) return;
  LogInfo(client_.Endpoint(), " ignores ", marker_next ? "start-after" : "marker",
          " in listings: it is asked by ",
          marker_next ? "version 1 of listings" : "continuation tokens");
}

Status Pages::Advance(const s3wire::ObjectListing& listing, const std::string& last,
                      const std::string& what, Asking& asking) {
  const bool by_token = asking.way != Way::kMarker && !listing.next_token.empty();
  if (by_token && listing.next_token != asking.token) {
    asking.token = listing.next_token;
    return OkStatus();
  }
  const std::string& next = std::max(listing.next_marker, last);
  if (!by_token && asking.way != Way::kTokens && next > asking.after) {
    asking.after = next;
    asking.token.clear();
    return OkStatus();
  }
  return Status(Code::kCorruption,
                Concat(what, ": the store says that more follows, and gives no way to it (",
                       by_token ? "it repeats its continuation token"
                                : "neither new keys nor a token nor a marker",
                       ")"));
}

Result<KeyPage> Pages::Finish(const PageRequest& request, Asking asking, S3Call sent,
                              const CallOptions& call) {
  for (int turn = 0; turn < kMostEmptyPages; ++turn) {
    ASSIGN_OR_RETURN(const s3wire::ObjectListing listing, Understand(request, asking, sent, call));
    KeyPage page = PageOf(request, listing);
    const std::string last = page.entries.empty() ? "" : page.entries.back().full_key;
    // A store may repeat the key after which the page begins. Earlier keys were not asked for.
    const bool went_back =
        !asking.remembered && !page.entries.empty() && page.entries.front().full_key < asking.after;
    const bool stands_still = !asking.remembered && asking.token.empty() &&
                              listing.next_token.empty() && !last.empty() &&
                              std::max(listing.next_marker, last) <= asking.after;
    if (!asking.remembered) {
      std::erase_if(page.entries, [&](const KeyPage::Entry& entry) {
        return !asking.after.empty() && entry.full_key <= asking.after;
      });
    }
    // The request was of version 1, and the answer is of version 2.
    const bool wants_tokens = asking.way == Way::kMarker && last.empty() &&
                              listing.next_marker.empty() && !listing.next_token.empty();
    const bool ignored =
        (went_back || stands_still || wants_tokens) && page.truncated && asking.way != Way::kTokens;
    if (!page.truncated || (!page.entries.empty() && !ignored)) {
      page.goes_on_anywhere = asking.way != Way::kTokens;
      if (!page.goes_on_anywhere) Remember(request, last, listing.next_token);
      return page;
    }
    if (ignored) {
      TakeOtherWay(asking);
      asking.after = request.after;
      asking.token.clear();
    } else {
      RETURN_IF_ERROR(Advance(listing, last, sent.what, asking));
    }
    asking.remembered = false;
    sent = NewCall(request, asking);
    client_.Run(std::span(&sent, 1), call);
  }
  return Status(Code::kCorruption, Concat(sent.what, ": the store answered ", kMostEmptyPages,
                                          " times that more follows, and gave no key"));
}

}  // namespace tarn::ufs::s3
