// The records of the metadata store (doc/format.md).

#include <iterator>

#include "fuzz/target.h"
#include "meta/store/records.h"

namespace tarn::fuzz {
namespace {

template <typename Record>
void TryOne(std::string_view bytes) {
  TryRecord(bytes, Record::Decode, [](const Record& record) { return record.Encode(); });
}

constexpr void (*kRecords[])(std::string_view) = {
    TryOne<meta::InodeRecord>, TryOne<meta::DentryRecord>,  TryOne<meta::CursorRecord>,
    TryOne<meta::MountRecord>, TryOne<meta::PlaceRecord>,   TryOne<meta::LedgerRecord>,
    TryOne<meta::QueueRecord>, TryOne<meta::ListingRecord>,
};

meta::InodeRecord Inode() {
  meta::InodeRecord r;
  r.ino = InodeId(258);
  r.mode = 0644;
  r.uid = 1000;
  r.nlink = 2;
  r.size_bytes = 5000;
  r.mtime_ns = 1767323045000000002;
  r.btime_ns = -4;
  r.parent = kRootInode;
  r.name = "new";
  r.bound = r.places = r.guessed = true;
  r.generation = Generation(9);
  r.mount = MountId(1);
  r.key = "d/old";
  r.etag = "e1";
  r.attempt = "a1";
  r.attempt_key = "d/f";
  r.attempt_started_ns = 300;
  r.attempt_file = "f12-9";
  r.queue_key = "queue";
  return r;
}

meta::MountRecord Mount() {
  meta::MountRecord r;
  r.path = "/s3";
  r.uri = "s3://b/p";
  r.identity = "i1";
  r.root = InodeId(258);
  r.read_only = true;
  r.options = {{"s3a.secretKey", "env:KEY"}};
  return r;
}

meta::MountRecord RootMount() {
  meta::MountRecord r;
  r.path = "/";
  r.uri = "file:///d";
  r.identity = "i1";
  return r;
}

meta::LedgerRecord Ledger() {
  return {meta::LedgerRecord::Intent::kClaim,
          InodeId(258),
          -7,
          "e1",
          {{"a1", 13, -14, "f12-9"}},
          "queue",
          {InodeId(259), InodeId(300)}};
}

}  // namespace

void Try(std::string_view input) { kRecords[TakeChoice(input, std::size(kRecords))](input); }

std::vector<std::string> Seeds() {
  const meta::QueueRecord queue{meta::QueueRecord::What::kDeleteKey,
                                InodeId(258),
                                MountId(2),
                                "d/f",
                                1767323045000000000,
                                3,
                                "no answer"};
  const meta::PlaceRecord place{meta::PlaceRecord::Kind::kLink, Generation(3), "e1"};
  return {
      Chosen(0, Inode().Encode()),
      Chosen(1, meta::DentryRecord{InodeId(258), role::FileType::kDirectory, 259}.Encode()),
      Chosen(2, meta::CursorRecord{"a", InodeId(258), role::FileType::kRegular}.Encode()),
      Chosen(3, Mount().Encode()),
      Chosen(3, RootMount().Encode()),
      Chosen(4, place.Encode()),
      Chosen(5, Ledger().Encode()),
      Chosen(6, queue.Encode()),
      Chosen(7, meta::ListingRecord{true, 1767323045000000000}.Encode()),
  };
}

}  // namespace tarn::fuzz
