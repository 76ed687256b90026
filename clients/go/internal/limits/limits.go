// Code generated: DO NOT EDIT. Generated from proto/agenttrace/v1/limits.json by `make generate`.

// Package limits holds the limits of the contract.
package limits

import (
	"regexp"
	"strings"
)

// The limits of the contract.
const (
	// The size of one message. In bytes.
	MessageBytes = 4194304
	// Runs, steps and failures in one message. In items.
	MessageItems = 1000
	// What one upload stream may carry before the server answers. In bytes.
	StreamBytes = 8388608
	// Messages of one upload stream before the server answers. In messages.
	StreamMessages = 1000
	// The age of an upload stream at which the server answers. In seconds.
	StreamSeconds = 60
	// Rejections listed in one answer; all are counted. In rejections.
	Rejections = 100
	// Stored steps of one run. In steps.
	StepsPerRun = 10000
	// Attributes of one run or step. In attributes.
	Attributes = 32
	// Tags of one run. In tags.
	Tags = 32
	// Distinct failure codes kept with a run. In codes.
	FailureCodesPerRun = 8
	// The largest token count, result count and cost: 2^53 - 1.
	CountMax = 9007199254740991
	// The largest sequence: 2^31 - 1.
	SequenceMax = 2147483647
	// The largest attempt. In attempts.
	AttemptMax = 10000
	// The shortest lease. In seconds.
	LeaseSecondsMin = 60
	// The longest lease, and the longest time to a first token. In seconds.
	LeaseSecondsMax = 604800
	// The lease of a run that tells none. In seconds.
	LeaseSecondsDefault = 3600
	// How far ahead of the server's clock a time may be. In seconds.
	FutureSeconds = 86400
	// Values of one list of a filter. In values.
	FilterValues = 100
	// Rows that one chunk of a listing reads at most. In rows.
	ScanRows = 20000
	// The largest page_size of ListRuns. In runs.
	PageSizeRuns = 200
	// The largest page_size of ListSteps, and the steps in GetRun. In steps.
	PageSizeSteps = 1000
	// The largest page_size of ListFailures. In failures.
	PageSizeFailures = 200
	// Failures in GetRun. In failures.
	RunFailures = 1000
	// Groups of GetStats. In groups.
	StatsGroups = 100
	// Failure rows of GetStats. In rows.
	StatsFailures = 1000
	// Time buckets of GetStats. In buckets.
	StatsBuckets = 1000
	// The longest range that GetStats reads from tables rather than rollups. In days.
	StatsTableDays = 7
)

// All has every limit by its name in limits.json.
var All = map[string]int64{
	"message_bytes":         MessageBytes,
	"message_items":         MessageItems,
	"stream_bytes":          StreamBytes,
	"stream_messages":       StreamMessages,
	"stream_seconds":        StreamSeconds,
	"rejections":            Rejections,
	"steps_per_run":         StepsPerRun,
	"attributes":            Attributes,
	"tags":                  Tags,
	"failure_codes_per_run": FailureCodesPerRun,
	"count_max":             CountMax,
	"sequence_max":          SequenceMax,
	"attempt_max":           AttemptMax,
	"lease_seconds_min":     LeaseSecondsMin,
	"lease_seconds_max":     LeaseSecondsMax,
	"lease_seconds_default": LeaseSecondsDefault,
	"future_seconds":        FutureSeconds,
	"filter_values":         FilterValues,
	"scan_rows":             ScanRows,
	"page_size_runs":        PageSizeRuns,
	"page_size_steps":       PageSizeSteps,
	"page_size_failures":    PageSizeFailures,
	"run_failures":          RunFailures,
	"stats_groups":          StatsGroups,
	"stats_failures":        StatsFailures,
	"stats_buckets":         StatsBuckets,
	"stats_table_days":      StatsTableDays,
}

// Forms has the forms of strings by their names in limits.json; each matches a whole string.
var Forms = map[string]*regexp.Regexp{
	"token":         regexp.MustCompile(`\A(?:[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127})\z`),
	"uuid":          regexp.MustCompile(`\A(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\z`),
	"user_key":      regexp.MustCompile(`\A(?:[0-9a-f]{64})\z`),
	"opaque_id":     regexp.MustCompile(`\A(?:[0-9a-f-]{16,64}|(call|toolu|fc)_[A-Za-z0-9]{16,})\z`),
	"attribute_key": regexp.MustCompile(`\A(?:[a-z][a-z0-9_.]{0,63})\z`),
}

var contentKeyWords = map[string]bool{
	"answer":       true,
	"answers":      true,
	"args":         true,
	"argument":     true,
	"arguments":    true,
	"body":         true,
	"chunk":        true,
	"chunks":       true,
	"completion":   true,
	"completions":  true,
	"content":      true,
	"contents":     true,
	"context":      true,
	"credential":   true,
	"credentials":  true,
	"description":  true,
	"document":     true,
	"documents":    true,
	"email":        true,
	"input":        true,
	"inputs":       true,
	"instruction":  true,
	"instructions": true,
	"kwargs":       true,
	"message":      true,
	"messages":     true,
	"note":         true,
	"notes":        true,
	"output":       true,
	"outputs":      true,
	"passage":      true,
	"passages":     true,
	"password":     true,
	"payload":      true,
	"payloads":     true,
	"phone":        true,
	"prompt":       true,
	"prompts":      true,
	"queries":      true,
	"query":        true,
	"question":     true,
	"questions":    true,
	"reasoning":    true,
	"replies":      true,
	"reply":        true,
	"response":     true,
	"responses":    true,
	"result":       true,
	"results":      true,
	"secret":       true,
	"secrets":      true,
	"snippet":      true,
	"snippets":     true,
	"sql":          true,
	"stacktrace":   true,
	"summary":      true,
	"text":         true,
	"texts":        true,
	"thinking":     true,
	"thought":      true,
	"thoughts":     true,
	"traceback":    true,
	"transcript":   true,
	"utterance":    true,
}

var contentKeyAllowedLastParts = map[string]bool{
	"count":   true,
	"format":  true,
	"hash":    true,
	"id":      true,
	"model":   true,
	"name":    true,
	"size":    true,
	"type":    true,
	"version": true,
}

// IsContentKey tells whether a string under this attribute key is refused, because the key names content.
func IsContentKey(key string) bool {
	parts := strings.Split(strings.ReplaceAll(key, "_", "."), ".")
	if contentKeyAllowedLastParts[parts[len(parts)-1]] {
		return false
	}
	for _, part := range parts {
		if contentKeyWords[part] {
			return true
		}
	}
	return false
}
