import JSON

/// What a load on a tracker showed.
struct TrackerBenchReport {
  let options: Bench
  let population: SwarmPopulation
  var fill: LoadResult?
  var load = LoadResult()
  /// Seconds of processor that the tracker used while the mix ran.
  var processorTime: Double?
  var memory: Int64?

  private var responses: Int { load.answered + load.answeredBad }
  private var microsecondsPerResponse: Double? {
    processorTime.map { responses > 0 ? $0 * 1e6 / Double(responses) : 0 }
  }
  private var microsecondsPerRequest: Double? {
    let requests = load.sent + load.sentBad
    return processorTime.map { requests > 0 ? $0 * 1e6 / Double(requests) : 0 }
  }
  private var peersPerAnnounce: Double {
    load.announces > 0 ? Double(load.peers) / Double(load.announces) : 0
  }
  private var offered: Double { load.seconds > 0 ? Double(load.sent + load.sentBad) / load.seconds : 0 }
  private var answeredRate: Double { load.seconds > 0 ? Double(responses) / load.seconds : 0 }

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    Figures.fixed(Double(nanoseconds) / 1e6, 3)
  }

  /// For people.
  var text: String {
    func quantile(_ share: Double) -> String { Self.milliseconds(load.latencies.quantile(share)) }
    var lines = [
      "\(options.url): \(population.torrents) torrents, \(population.peers) peers, mix \(options.mix.argumentText)"
    ]
    if let fill {
      lines.append(
        "fill       \(fill.answered) of \(fill.sent) answered, \(Figures.fixed(fill.seconds, 1)) s")
    }
    lines += [
      "requests   \(load.sent + load.sentBad), \(Int(offered)) a second",
      "answers    \(responses), \(Int(answeredRate)) a second; lost \(load.lost), errors \(load.errors), "
        + "malformed \(load.malformed)",
      "bad ids    \(load.sentBad), answered \(load.answeredBad)",
      "latency    p50 \(quantile(0.5)) ms, p99 \(quantile(0.99)) ms, p99.9 \(quantile(0.999)) ms, "
        + "longest \(Self.milliseconds(load.latencies.longest)) ms",
      "peers      \(Figures.fixed(peersPerAnnounce, 2)) an announce",
      "bytes      \(load.bytesOut) out, \(load.bytesIn) in",
    ]
    if let response = microsecondsPerResponse, let request = microsecondsPerRequest, let processorTime {
      lines.append(
        "processor  \(Figures.fixed(response, 2)) us a response, \(Figures.fixed(request, 2)) us a request, "
          + "\(Figures.fixed(processorTime, 2)) s in all")
    }
    if let memory { lines.append("memory     \(Figures.size(memory))") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// For programs: times in microseconds.
  var json: JSONValue {
    func quantile(_ share: Double) -> JSONValue {
      JSONValue.number(Double(load.latencies.quantile(share)) / 1000)
    }
    return [
      "url": .string(options.url), "torrents": JSONValue(population.torrents),
      "peers": JSONValue(population.peers),
      "mix": .string(options.mix.argumentText), "seconds": .number(load.seconds),
      "filled": fill.map { JSONValue($0.answered) } ?? .null, "sent": JSONValue(load.sent),
      "answered": JSONValue(load.answered), "lost": JSONValue(load.lost), "bad_sent": JSONValue(load.sentBad),
      "bad_answered": JSONValue(load.answeredBad), "announces": JSONValue(load.announces),
      "connects": JSONValue(load.connects), "scrapes": JSONValue(load.scrapes),
      "errors": JSONValue(load.errors),
      "malformed": JSONValue(load.malformed), "requests_s": .number(offered),
      "responses_s": .number(answeredRate),
      "peers_per_announce": .number(peersPerAnnounce), "p50_us": quantile(0.5), "p99_us": quantile(0.99),
      "p999_us": quantile(0.999), "longest_us": .number(Double(load.latencies.longest) / 1000),
      "bytes_out": JSONValue(load.bytesOut), "bytes_in": JSONValue(load.bytesIn),
      "cpu_us_per_response": microsecondsPerResponse.map { .number($0) } ?? .null,
      "cpu_us_per_request": microsecondsPerRequest.map { .number($0) } ?? .null,
      "cpu_s": processorTime.map { .number($0) } ?? .null,
      "rss": memory.map { JSONValue(Int($0)) } ?? .null,
    ]
  }
}
