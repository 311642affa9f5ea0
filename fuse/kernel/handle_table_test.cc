#include "fuse/kernel/handle_table.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

namespace tarn::fuse {
namespace {

using Table = HandleTable<int>;

TEST(HandleTableTest, AHandleFindsItsObjectUntilItIsTakenOut) {
  Table table;
  std::vector<HandleId> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(table.Add(std::make_shared<int>(i)));
  EXPECT_EQ(std::set<HandleId>(ids.begin(), ids.end()).size(), ids.size());
  for (int i = 0; i < 1000; ++i) {
    const HandleId id = ids[static_cast<size_t>(i)];
    EXPECT_TRUE(id) << "0 is no handle";
    ASSERT_NE(table.Find(id), nullptr);
    EXPECT_EQ(*table.Find(id), i);
    EXPECT_EQ(*table.Take(id), i);
    EXPECT_EQ(table.Find(id), nullptr);
    EXPECT_EQ(table.Take(id), nullptr);
  }
}

TEST(HandleTableTest, AStaleHandleDoesNotFindTheNextObjectOfItsSlot) {
  Table table;
  std::set<HandleId> stale;
  for (int i = 0; i < 1000; ++i) {
    const HandleId id = table.Add(std::make_shared<int>(i));
    EXPECT_TRUE(stale.insert(id).second) << "a handle was given out twice";
    for (const HandleId old : stale) EXPECT_EQ(table.Find(old) != nullptr, old == id);
    table.Take(id);
  }
}

TEST(HandleTableTest, AForeignHandleFindsNothing) {
  Table table;
  const HandleId id = table.Add(std::make_shared<int>(7));
  int object = 0;
  for (const uint64_t value :
       {uint64_t{0}, UINT64_MAX, id.value + 1, id.value + (uint64_t{1} << 32),
        id.value & UINT32_MAX, reinterpret_cast<uint64_t>(&object)}) {
    EXPECT_EQ(table.Find(HandleId(value)), nullptr) << value;
    EXPECT_EQ(table.Take(HandleId(value)), nullptr) << value;
  }
  EXPECT_NE(table.Find(id), nullptr);
}

TEST(HandleTableTest, ARequestKeepsAnObjectThatIsTakenOutMeanwhile) {
  Table table;
  const HandleId id = table.Add(std::make_shared<int>(7));
  const std::weak_ptr<int> object = table.Find(id);
  std::shared_ptr<int> request = table.Find(id);
  table.Take(id).reset();
  EXPECT_EQ(*request, 7);
  request.reset();
  EXPECT_TRUE(object.expired());
}

TEST(HandleTableTest, AllObjectsAreTakenOutAtOnce) {
  Table table;
  std::vector<HandleId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(table.Add(std::make_shared<int>(i)));
  table.Take(ids[5]);
  EXPECT_EQ(table.TakeAll().size(), 199u);
  for (const HandleId id : ids) EXPECT_EQ(table.Find(id), nullptr);
  EXPECT_TRUE(table.TakeAll().empty());
}

TEST(HandleTableTest, ThreadsFindTheirOwnObjects) {
  Table table;
  const auto work = [&table](int mine) {
    for (int i = 0; i < 2000; ++i) {
      const HandleId id = table.Add(std::make_shared<int>(mine + i));
      const std::shared_ptr<int> found = table.Find(id);
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(*found, mine + i);
      EXPECT_EQ(table.Take(id), found);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i * 10'000);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tarn::fuse
