#pragma once

// The contract of cache stores: contents filled from the UFS. Included once by each executable that
// instantiates it.

#include "cache/testing/cache_contract.h"

namespace tarn::cache {

TEST_P(CacheContract, ZerosFromTheUfsStayAHole) {
  auto file = store().AddClean({InodeId(5), Generation(1)}, 2 * kPageBytes).value();
  std::vector<std::byte> page(kPageBytes);
  ASSERT_TRUE(file->AddPage(0, page).ok());
  page[kPageBytes / 2] = std::byte{1};
  ASSERT_TRUE(file->AddPage(1, page).ok());
  struct stat st {};
  ASSERT_EQ(fstat(file->ReadDescriptor(), &st), 0);
  EXPECT_LE(st.st_blocks * 512, 64 << 10);
  std::vector<std::byte> seen(kPageBytes, std::byte{7});
  ASSERT_EQ(file->Read(kPageBytes, seen).value(), kPageBytes);
  EXPECT_EQ(seen, page);
}

TEST_P(CacheContract, AContentThatWasNeverAddedIsNotFound) {
  EXPECT_EQ(store().Open(Content(5, 1)).code(), Code::kNotFound);
  EXPECT_FALSE(store().Find(InodeId(5)).has_value());
  EXPECT_TRUE(store().Erase(InodeId(5)).ok());
}

TEST_P(CacheContract, PagesArePresentOnceAdded) {
  auto file = store().AddClean(Content(5, 1), 2 * kPageBytes + 10).value();
  EXPECT_FALSE(file->Complete());
  EXPECT_FALSE(file->Present(0, 1));
  ASSERT_TRUE(file->AddPage(2, Bytes("0123456789")).ok());
  EXPECT_TRUE(file->Present(2 * kPageBytes, 1 << 20));
  EXPECT_FALSE(file->Present(2 * kPageBytes - 1, 2));
  std::string out(10, '\0');
  EXPECT_EQ(file->Read(0, std::as_writable_bytes(std::span(out))).code(), Code::kNotFound);
  EXPECT_EQ(file->Read(2 * kPageBytes, std::as_writable_bytes(std::span(out))).value(), 10u);
  EXPECT_EQ(out, "0123456789");
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('a'))).ok());
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('b'))).ok());
  EXPECT_TRUE(file->Complete());
  EXPECT_EQ(ReadAll(*file), Page('a') + Page('b') + "0123456789");
}

TEST_P(CacheContract, ATooShortPageIsRefused) {
  auto file = store().AddClean(Content(5, 1), 100).value();
  EXPECT_EQ(file->AddPage(0, Bytes("short")).code(), Code::kInvalid);
  EXPECT_FALSE(file->Complete());
}

TEST_P(CacheContract, APagePresentIsNotReplaced) {
  auto file = store().AddClean(Content(5, 1), kPageBytes + 1).value();
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('a'))).ok());
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('b'))).ok());
  ASSERT_TRUE(file->AddPage(1, Bytes("c")).ok());
  EXPECT_EQ(ReadAll(*file), Page('a') + "c");
}

TEST_P(CacheContract, AnEmptyContentIsComplete) {
  auto file = store().AddClean(Content(5, 1), 0).value();
  EXPECT_TRUE(file->Complete());
  EXPECT_EQ(ReadAll(*file), "");
}

TEST_P(CacheContract, PagesSurviveTheLastHandle) {
  {
    auto file = store().AddClean(Content(5, 1), kPageBytes + 3).value();
    ASSERT_TRUE(file->AddPage(1, Bytes("end")).ok());
  }
  auto file = MustOpen(5, 1);
  EXPECT_FALSE(file->Complete());
  EXPECT_TRUE(file->Present(kPageBytes, 3));
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('a'))).ok());
  file.reset();
  EXPECT_EQ(ReadAll(*MustOpen(5, 1)), Page('a') + "end");
}

TEST_P(CacheContract, AnotherGenerationReplacesACleanContentThatIsNotInUse) {
  MakeClean(store(), 5, 1, "old");
  EXPECT_EQ(store().Open(Content(5, 2)).code(), Code::kNotFound);
  EXPECT_FALSE(store().Find(InodeId(5)).has_value());
  MakeClean(store(), 5, 1, "old");
  MakeClean(store(), 5, 2, "new");
  EXPECT_EQ(ReadAll(*MustOpen(5, 2)), "new");
}

TEST_P(CacheContract, AnotherGenerationDoesNotReplaceAContentInUse) {
  MakeClean(store(), 5, 1, "old");
  auto pin = MustOpen(5, 1);
  EXPECT_EQ(store().Open(Content(5, 2)).code(), Code::kNotFound);
  EXPECT_EQ(store().AddClean(Content(5, 2), 3).code(), Code::kExists);
  EXPECT_EQ(ReadAll(*pin), "old");
}

TEST_P(CacheContract, AnErasedContentStaysReadableThroughItsHandles) {
  MakeClean(store(), 5, 1, "bytes");
  auto file = MustOpen(5, 1);
  ASSERT_TRUE(store().Erase(InodeId(5)).ok());
  EXPECT_EQ(ReadAll(*file), "bytes");
  EXPECT_EQ(store().Open(Content(5, 1)).code(), Code::kNotFound);
  MakeDirty(store(), 5, 7, "another");
  EXPECT_EQ(ReadAll(*file), "bytes");
  file.reset();
  EXPECT_EQ(ReadAll(*MustOpen(5, 7)), "another");
}

}  // namespace tarn::cache
