#include "meta/store/records.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/testing/random_seed.h"

namespace tarn::meta {
namespace {

InodeRecord FullInode() {
  InodeRecord r;
  r.ino = InodeId(77);
  r.type = role::FileType::kSymlink;
  r.mode = 06755;
  r.uid = 1000;
  r.gid = 4294967295U;
  r.nlink = 3;
  r.rdev = 259;
  r.size_bytes = UINT64_MAX;
  r.atime_ns = -1;
  r.mtime_ns = INT64_MIN;
  r.ctime_ns = INT64_MAX;
  r.btime_ns = 5;
  r.parent = InodeId(1);
  r.name = std::string("na\0me", 5);
  r.symlink_target = "../x";
  r.generation = Generation(9);
  r.attr_version = 4;
  r.persisted_generation = Generation(8);
  r.persisted_attr_version = 3;
  r.synced = false;
  r.lost = true;
  r.never_persist = true;
  r.mount = MountId(2);
  r.key = "a/b";
  r.bound = true;
  r.etag = "e";
  r.identity = "i";
  r.bound_size_bytes = 12;
  r.attempt = "at";
  r.attempt_key = "k";
  r.attempt_generation = Generation(7);
  r.attempt_attr_version = 6;
  r.attempt_started_ns = 5;
  r.made = true;
  r.made_key = "m";
  r.places = true;
  r.xattrs = true;
  r.conflict = true;
  r.guessed = true;
  r.attributes_here = true;
  r.stored_s = 1'700'000'000;
  r.attempt_size_bytes = 13;
  r.attempt_mtime_ns = -14;
  r.attempt_file = "f12-9";
  r.origin_generation = Generation(6);
  r.queue_key = "q";
  return r;
}

// Decode fails for each proper prefix of the encoding, and for a longer one.
template <typename Record>
void ExpectWholeOrNothing(const Record& record) {
  const std::string bytes = record.Encode();
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(Record::Decode(bytes.substr(0, n)).code(), Code::kCorruption) << n;
  }
  EXPECT_EQ(Record::Decode(bytes + "x").code(), Code::kCorruption);
  std::string newer = bytes;
  newer[0] = 99;
  EXPECT_EQ(Record::Decode(newer).code(), Code::kCorruption);
  ASSERT_TRUE(Record::Decode(bytes).ok());
  EXPECT_EQ(Record::Decode(bytes)->Encode(), bytes);
}

TEST(Records, InodeComesBackWithEveryField) {
  const InodeRecord a = FullInode();
  Result<InodeRecord> decoded = InodeRecord::Decode(a.Encode());
  ASSERT_TRUE(decoded.ok());
  const InodeRecord& b = *decoded;
  EXPECT_EQ(b.ino, a.ino);
  EXPECT_EQ(b.type, a.type);
  EXPECT_EQ(b.gid, a.gid);
  EXPECT_EQ(b.size_bytes, a.size_bytes);
  EXPECT_EQ(b.mtime_ns, a.mtime_ns);
  EXPECT_EQ(b.ctime_ns, a.ctime_ns);
  EXPECT_EQ(b.name, a.name);
  EXPECT_EQ(b.symlink_target, a.symlink_target);
  EXPECT_EQ(b.persisted_attr_version, a.persisted_attr_version);
  EXPECT_EQ(b.synced, a.synced);
  EXPECT_EQ(b.lost, a.lost);
  EXPECT_EQ(b.never_persist, a.never_persist);
  EXPECT_EQ(b.bound, a.bound);
  EXPECT_EQ(b.attempt_generation, a.attempt_generation);
  EXPECT_EQ(b.attempt_size_bytes, a.attempt_size_bytes);
  EXPECT_EQ(b.attempt_mtime_ns, a.attempt_mtime_ns);
  EXPECT_EQ(b.attempt_file, a.attempt_file);
  EXPECT_EQ(b.origin_generation, a.origin_generation);
  EXPECT_EQ(b.conflict, a.conflict);
  EXPECT_EQ(b.guessed, a.guessed);
  EXPECT_EQ(b.attributes_here, a.attributes_here);
  EXPECT_EQ(b.stored_s, a.stored_s);
  EXPECT_EQ(b.queue_key, a.queue_key);
}

TEST(Records, EachRefusesWhatIsCutOffLongerOrNewer) {
  ExpectWholeOrNothing(FullInode());
  ExpectWholeOrNothing(DentryRecord{InodeId(300), role::FileType::kFifo, 1000});
  ExpectWholeOrNothing(CursorRecord{"name", InodeId(300), role::FileType::kSocket});
  MountRecord mount;
  mount.path = "/";
  mount.uri = "file:///x";
  mount.identity = "fs:1";
  ExpectWholeOrNothing(mount);
  EXPECT_EQ(mount.Encode().front(), 1);  // The first version of the format.
  mount.root = InodeId(9);
  mount.read_only = mount.unmounting = true;
  mount.options = {{"a", "b"}, {"c", ""}};
  ExpectWholeOrNothing(mount);
  ExpectWholeOrNothing(LedgerRecord{LedgerRecord::Intent::kClaim,
                                    InodeId(5),
                                    -7,
                                    "e",
                                    {{"u1", 5, -6, "f1-2"}},
                                    "q",
                                    {InodeId(9)}});
  ExpectWholeOrNothing(PlaceRecord{PlaceRecord::Kind::kLink, Generation(3), "e"});
  ExpectWholeOrNothing(ListingRecord{true, 12345});
  ExpectWholeOrNothing(
      QueueRecord{QueueRecord::What::kDeleteKey, InodeId(1), MountId(1), "k", 99, 3, "error"});
}

TEST(Records, DamagedBytesAreRefusedOrAreSomeRecord) {
  Random random(SeedOfTest(1));
  const std::string whole = FullInode().Encode();
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = whole;
    for (uint64_t n = random.Uniform(4); n-- > 0;) {
      bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Next());
    }
    Result<InodeRecord> decoded = InodeRecord::Decode(bytes);
    if (!decoded.ok()) {
      EXPECT_EQ(decoded.code(), Code::kCorruption);
      continue;
    }
    EXPECT_TRUE(InodeRecord::Decode(decoded->Encode()).ok());
  }
}

TEST(Records, UnknownTypeIsCorruption) {
  DentryRecord dentry{InodeId(1), static_cast<role::FileType>(77), 1};
  EXPECT_EQ(DentryRecord::Decode(dentry.Encode()).code(), Code::kCorruption);
}

}  // namespace
}  // namespace tarn::meta
