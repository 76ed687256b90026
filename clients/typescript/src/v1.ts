/** The messages and services of `agenttrace.v1`, as they are generated. */

export * from "./gen/agenttrace/v1/error_pb.js";
export * from "./gen/agenttrace/v1/failure_pb.js";
export * from "./gen/agenttrace/v1/ingest_service_pb.js";
export * from "./gen/agenttrace/v1/query_service_pb.js";
export * from "./gen/agenttrace/v1/run_pb.js";
export * from "./gen/agenttrace/v1/step_pb.js";
