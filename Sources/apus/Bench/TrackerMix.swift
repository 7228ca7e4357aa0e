import ArgumentParsing

/// What clients ask a tracker for, and how often.
struct TrackerMix: ArgumentValue, Equatable {
  /// The kinds of requests.
  enum Kind: String, CaseIterable {
    /// For a connection id (UDP).
    case connect
    /// A peer that was there before, or is now, announces.
    case announce
    /// A peer that leaves for a while: `stopped`.
    case stop
    /// A peer that comes once, says nothing more and has to be forgotten.
    case vanish
    /// Five swarms' counts.
    case scrape
    /// An announce with a connection id that is none (UDP).
    case bad
  }

  private var weights: [Kind: Double] = [:]

  /// What a public tracker of 2025 counted over UDP: 16 connects, 61 announces, 1.5 scrapes, 18 bad ids.
  static let real = TrackerMix(weights: [
    .connect: 16, .announce: 57, .stop: 3, .vanish: 1, .scrape: 1.5, .bad: 18,
  ])

  init(weights: [Kind: Double]) { self.weights = weights }

  /// Reads `announce=95,scrape=5`, or `real`.
  init(argument: String) throws(ValueError) {
    let problem = ValueError("is neither 'real' nor weights such as announce=95,scrape=5")
    if argument == "real" {
      self = .real
      return
    }
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let words = part.split(separator: "=", omittingEmptySubsequences: false)
      guard words.count == 2, let kind = Kind(rawValue: String(words[0])), let weight = Double(words[1]),
        weight.isFinite, weight >= 0
      else { throw problem }
      weights[kind] = weight
    }
    guard weights.values.reduce(0, +) > 0 else { throw problem }
  }

  var argumentText: String {
    if self == .real { return "real" }
    return Kind.allCases.compactMap { kind in weights[kind].map { "\(kind.rawValue)=\($0.argumentText)" } }
      .joined(separator: ",")
  }

  /// A table of 256 kinds to draw from.
  func table(where isPossible: (Kind) -> Bool = { _ in true }) -> [Kind] {
    let kinds = Kind.allCases.filter { isPossible($0) && weights[$0] ?? 0 > 0 }
    let sum = kinds.reduce(0) { $0 + (weights[$1] ?? 0) }
    var table: [Kind] = []
    var passed = 0.0
    for kind in kinds {
      passed += weights[kind] ?? 0
      while Double(table.count) < (passed / sum * 256).rounded() { table.append(kind) }
    }
    return table
  }
}

/// What came of a load.
struct LoadResult: Sendable {
  /// Requests that a tracker has to answer.
  var sent = 0
  /// Answers to those.
  var answered = 0
  /// Requests with bad connection ids.
  var sentBad = 0
  /// Errors in answer to those; a tracker may also say nothing.
  var answeredBad = 0
  var announces = 0
  var connects = 0
  var scrapes = 0
  /// Errors and failure reasons where there should have been an answer.
  var errors = 0
  var malformed = 0
  var peers = 0
  var bytesOut = 0
  var bytesIn = 0
  /// Seconds from the first request to the last.
  var seconds = 0.0
  var latencies = LatencyHistogram()

  mutating func merge(_ other: LoadResult) {
    sent += other.sent
    answered += other.answered
    sentBad += other.sentBad
    answeredBad += other.answeredBad
    announces += other.announces
    connects += other.connects
    scrapes += other.scrapes
    errors += other.errors
    malformed += other.malformed
    peers += other.peers
    bytesOut += other.bytesOut
    bytesIn += other.bytesIn
    seconds = max(seconds, other.seconds)
    latencies.merge(other.latencies)
  }

  /// Requests without an answer, those aside that a tracker need not answer.
  var lost: Int { sent - answered }
}
