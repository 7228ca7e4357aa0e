import JSON
import TestSupport
import Testing

@testable import apus

@Suite("Loads on trackers")
struct BenchTests {
  @Test("Quantiles are less than two percent off")
  func histogram() {
    var histogram = LatencyHistogram()
    #expect(histogram.quantile(0.5) == 0)
    for value in 1...100_000 as ClosedRange<UInt64> { histogram.record(value * 10) }
    for share in [0.001, 0.1, 0.5, 0.99, 0.999, 1] {
      let exact = share * 1_000_000
      #expect(abs(Double(histogram.quantile(share)) - exact) <= exact * 0.02, "\(share)")
    }
    #expect(histogram.longest == 1_000_000)
    var other = LatencyHistogram()
    other.record(.max)
    histogram.merge(other)
    #expect(histogram.total == 100_001)
    #expect(histogram.quantile(1) == .max)
    // Small numbers are exact.
    var small = LatencyHistogram()
    for value in 0..<128 as Range<UInt64> { small.record(value) }
    #expect(small.quantile(0.5) == 63)
  }

  @Test("A population has its mean, few large swarms and many of one", arguments: [1.0, 1.13, 3.0])
  func population(mean: Double) {
    let population = SwarmPopulation(torrents: 100_000, mean: mean)
    #expect(abs(Double(population.peers) / 100_000 - mean) < 0.01)
    var sizes = [Int](repeating: 0, count: 100_000)
    var last = 0
    for peer in 0..<population.peers {
      let torrent = population.torrent(of: peer)
      #expect(torrent >= last)
      last = torrent
      sizes[torrent] += 1
    }
    #expect(sizes.allSatisfy { $0 > 0 })
    #expect((0..<1000).allSatisfy { population.size(of: $0) == sizes[$0] })
    if mean == 1.13 {
      #expect(sizes[0] > 1000)
      #expect(sizes.filter { $0 == 1 }.count > 95_000)
    }
    let ports = Set((0..<sizes[0]).map { population.port(of: $0) })
    #expect(ports.count == min(sizes[0], 60_000))
  }

  @Test("Mixes are read, written and drawn by their weights")
  func mix() throws {
    let mix = try TrackerMix(argument: "announce=3,scrape=1")
    #expect(mix.table().count == 256)
    #expect(mix.table().filter { $0 == .scrape }.count == 64)
    #expect(try TrackerMix(argument: mix.argumentText) == mix)
    #expect(try TrackerMix(argument: "real") == .real)
    for text in ["", "announce", "announce=x", "nothing=1", "announce=-1", "announce=0"] {
      #expect(throws: (any Error).self) { try TrackerMix(argument: text) }
    }
  }

  @Test(
    "A load on our tracker loses nothing and is answered with peers", .timeLimit(.minutes(1)),
    arguments: TrackerRoute.allCases, [false, true])
  func load(route: TrackerRoute, closes: Bool) async throws {
    guard !closes || route == .http else { return }
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      try await tracker.start(["--interval", "1m"], isDual: route.isV6)
      let output = try await ApusClient.succeed(
        [
          "bench", "tracker", tracker.url(route), "--torrents", "500", "--mean-peers", "3", "--rate", "400",
          "--fill", "2000", "--duration", "1s", "--json",
        ] + (closes ? ["--close"] : []), on: stage)
      let report = try JSONValue(parsing: output)
      #expect(report["filled"]?.number ?? 0 >= 1490)
      #expect(report["sent"]?.number ?? 0 >= 200)
      #expect(report["lost"]?.number == 0)
      #expect(report["errors"]?.number == 0)
      #expect(report["malformed"]?.number == 0)
      #expect(report["peers_per_announce"]?.number ?? 0 > 1)
      #expect(report["p50_us"]?.number ?? 0 > 0)
    }
  }
}
