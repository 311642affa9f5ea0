#pragma once

// Between the plain values of rpc/ and their protobuf twins. Internal to rpc/: who calls it
// includes the generated code.

#include "role/control.h"

namespace grpc {
class Status;
}
namespace tarn::control {
class ListReply;
class PathInfo;
class QueueEntry;
class QueueTotals;
class ServerInfo;
class UfsMountInfo;
class UfsMountRequest;
}  // namespace tarn::control

namespace tarn::rpc {

// Keeps the library initialized until the process ends: its teardown, when the last channel or
// server goes, may wait ten seconds for a poller of its own. Call it before the first of them.
void KeepGrpc();

grpc::Status ToGrpc(const Status& status);
Status FromGrpc(const grpc::Status& status);

void ToWire(const role::ServerInfo& from, control::ServerInfo* to);
void ToWire(const role::PathInfo& from, control::PathInfo* to);
void ToWire(const role::Control::ListReply& from, control::ListReply* to);
void ToWire(const role::QueueEntry& from, control::QueueEntry* to);
void ToWire(const role::QueueTotals& from, control::QueueTotals* to);
void ToWire(const role::UfsMountInfo& from, control::UfsMountInfo* to);
void ToWire(const role::Control::UfsMountRequest& from, control::UfsMountRequest* to);

role::ServerInfo FromWire(const control::ServerInfo& from);
role::PathInfo FromWire(const control::PathInfo& from);
role::Control::ListReply FromWire(const control::ListReply& from);
role::QueueEntry FromWire(const control::QueueEntry& from);
role::QueueTotals FromWire(const control::QueueTotals& from);
role::UfsMountInfo FromWire(const control::UfsMountInfo& from);
role::Control::UfsMountRequest FromWire(const control::UfsMountRequest& from);

}  // namespace tarn::rpc
