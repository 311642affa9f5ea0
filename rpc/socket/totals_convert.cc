#include "rpc/socket/totals_convert.h"

#include "rpc/control.pb.h"

namespace tarn::rpc {

void ToWire(const role::QueueTotals& from, control::QueueTotals* to) {
  to->set_entries(from.entries);
  to->set_files(from.files);
  to->set_bytes(from.bytes);
  to->set_conflicts(from.conflicts);
  to->set_conflict_bytes(from.conflict_bytes);
  to->set_replaced(from.replaced);
  to->set_gave_way(from.gave_way);
}

role::QueueTotals FromWire(const control::QueueTotals& from) {
  role::QueueTotals to;
  to.entries = from.entries();
  to.files = from.files();
  to.bytes = from.bytes();
  to.conflicts = from.conflicts();
  to.conflict_bytes = from.conflict_bytes();
  to.replaced = from.replaced();
  to.gave_way = from.gave_way();
  return to;
}

}  // namespace tarn::rpc
