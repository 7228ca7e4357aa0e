import Addresses
import ArgumentParsing
import JSON

/// `apus bench`: puts a load on something and says how it held up.
struct Bench: RunnableCommand {
  /// What can be measured.
  enum Subject: String, CaseIterable, ArgumentValue {
    case tracker
  }

  static let name = "bench"
  static let summary = "Measure a tracker under load."
  static let discussion = """
    bench tracker <url> sends requests to any tracker at a fixed rate, whatever comes back, and prints loss, \
    latencies and peers an answer; with --pid what a response costs the tracker's process, too. First each peer \
    of the population is announced once (--fill), then requests are mixed. The peers' addresses are those of this \
    machine: use it on trackers of your own.
    --mix takes weights of connect, announce, stop (stopped events), vanish (peers that come once), scrape (five \
    swarms) and bad (connection ids that are none), as announce=95,scrape=5. HTTP has no connect and no bad.
    """
  static let parameters: [Parameter<Self>] = [
    .argument(\.subject, "what", help: "tracker."),
    .argument(\.url, "url", help: "Its announce URL: udp://host:port or http://host:port/announce."),
    .option(\.rate, "--rate", "-r", value: "number", help: "Requests a second."),
    .option(\.duration, "--duration", "-d", value: "time", help: "How long."),
    .option(\.mix, "--mix", value: "weights", help: "What is asked for; see above."),
    .option(\.torrents, "--torrents", value: "number", help: "Torrents of the population."),
    .option(\.mean, "--mean-peers", value: "number", help: "Peers a torrent in the mean; Zipf's law."),
    .option(\.wanted, "--peers-wanted", value: "number", help: "Peers that each announce asks for."),
    .option(\.fillRate, "--fill", value: "number", help: "Announces a second before; 0 leaves that out."),
    .option(\.threads, "--threads", value: "number", help: "Threads that send."),
    .option(\.sockets, "--sockets", value: "number", help: "Sockets, or connections, of each thread."),
    .flag(\.closes, "--close", help: "HTTP: a connection for each request."),
    .option(\.process, "--pid", value: "number", help: "The tracker's process, on this machine."),
    .option(\.seed, "--seed", value: "number", help: "Another seed, other torrents and peers are drawn."),
    .option(
      \.hashesFile, "--write-hashes", value: "file",
      help: "Write the info-hashes of the population for trackers that want a list, and stop.",
      complete: .files(nil)),
    .flag(\.json, "--json", help: "Print one line of JSON."),
  ]
  var subject = Subject.tracker
  var url = ""
  var rate = 10_000
  var duration = TimeSpan(seconds: 10)
  var mix = TrackerMix.real
  var torrents = 100_000
  var mean = 1.13
  var wanted = 50
  var fillRate = 50_000
  var threads = 1
  var sockets = 8
  var closes = false
  var process: Int?
  var seed = 1
  var hashesFile: String?
  var json = false
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) {
    guard rate >= 1, rate <= 10_000_000 else { throw UsageProblem("--rate: choose from 1 to 10000000") }
    guard torrents >= 1, torrents <= 50_000_000 else {
      throw UsageProblem("--torrents: choose from 1 to 50000000")
    }
    guard mean >= 1 else { throw UsageProblem("--mean-peers: choose at least 1") }
    guard (1...64).contains(threads) else { throw UsageProblem("--threads: choose from 1 to 64") }
    guard (1...1024).contains(sockets) else { throw UsageProblem("--sockets: choose from 1 to 1024") }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let population = SwarmPopulation(torrents: torrents, mean: mean)
    if let hashesFile {
      var text: [UInt8] = []
      for torrent in 0..<torrents {
        text += Array("\(population.infoHash(torrent).map { "\($0)" } ?? "")\n".utf8)
      }
      try FileSystem.replace(hashesFile, with: text)
      return .success
    }
    let bench = try TrackerBench(self, population)
    let report = try bench.run()
    scene.console.write(json ? report.json.text + "\n" : report.text)
    return .success
  }
}
