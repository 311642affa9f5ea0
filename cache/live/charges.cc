#include "cache/live/charges.h"

namespace tarn::cache {

void Charges::Recharge(Live& live, uint64_t bytes) {
  Record& record = live.record;
  if (bytes == record.allocated_bytes) return;
  const bool clean = record.state == ContentState::kClean && !live.erased;
  if (clean) {
    space_.SetClean(live.place_index, live.ino, bytes, clock_.WallNs());
  } else {
    space_.Pin(live.place_index,
               static_cast<int64_t>(bytes) - static_cast<int64_t>(record.allocated_bytes), 0);
  }
  record.allocated_bytes = bytes;
}

void Charges::ChargePinned(Live& live) {
  space_.DropClean(live.place_index, live.ino);
  space_.Pin(live.place_index, static_cast<int64_t>(live.record.allocated_bytes), 1);
}

void Charges::ChargeClean(Live& live) {
  DropPinned(live);
  space_.SetClean(live.place_index, live.ino, live.record.allocated_bytes, clock_.WallNs());
  NoteRoom(live.place_index);
}

void Charges::DropPinned(Live& live) {
  space_.Pin(live.place_index, -static_cast<int64_t>(live.record.allocated_bytes), -1);
}

}  // namespace tarn::cache
