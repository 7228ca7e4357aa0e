import Addresses
import ArgumentParsing
import BitTorrent
import Metainfo

/// `apus download`: fetches what torrents describe, and exits when all is there.
struct Download: RunnableCommand {
  static let name = "download"
  static let summary = "Download what torrents describe; exit when all is there."
  static let discussion = """
    A magnet link's torrent is fetched from peers first, and kept in FOLDER/.apus. Of a publisher's link \
    (urn:btpk) it is what the DHT says that it is at present. Downloads go on where \
    they were: after a crash, too, only the last seconds are checked again. Exits \
    with 0 when everything is on disk and durable, and prints its path.
    """
  static let stopsCleanly = true
  static let parameters: [Parameter<Self>] =
    [
      .arguments(
        \.sources, "torrent", help: "A .torrent file, the URL of one (http, https), or a magnet link.",
        complete: .files("torrent")),
      .option(
        \.directory, "--dir", "-d", value: "folder", help: "Where the files go.", complete: .directories),
      .option(
        \.select, "--select", value: "glob",
        help: """
          Download only files whose path matches, such as '*.flac' or 'disc 1/*'; whatever a magnet link says.
          """),
      .option(
        \.priorities, "--priority", value: "glob=level",
        help:
          "Download files whose path matches before or after the others: high, normal or low. The last that "
          + "matches counts."),
      .flag(
        \.sequential, "--sequential",
        help: "Fetch pieces in their order, to look at a file while it comes; worse for the swarm."),
      .flag(
        \.follow, "--follow",
        help: """
          Fetch what publishers put in the place of their torrents, too, and seed; until interrupted. For magnet \
          links with a publisher's key (urn:btpk).
          """),
      .option(
        \.followInterval, "--follow-interval", value: "time", help: "How often --follow looks.",
        isHidden: true),
      .option(
        \.seedRatio, "--seed-ratio", value: "ratio",
        help: "Seed afterwards until so many times the size was sent."),
      .option(
        \.seedTime, "--seed-time", value: "time",
        help: "Seed afterwards for so long; with --seed-ratio, until either is reached."),
      .option(
        \.retry, "--retry", value: "time",
        help: "When a fault stops a torrent (disk full, folder gone), try again at this interval."),
      .option(
        \.eventInterval, "--event-interval", value: "time", help: "How often --json tells of progress.",
        isHidden: true),
      .flag(\.json, "--json", help: "Print events, one JSON object a line."),
      .flag(\.quiet, "--quiet", "-q", help: "Show no progress."),
    ] + Parameter.group(\.network, NetworkOptions.parameters)
  var sources: [String] = []
  var directory = "."
  var select: [String] = []
  var priorities: [PriorityRule] = []
  var sequential = false
  var follow = false
  var followInterval = TimeSpan(seconds: 1800)
  var seedRatio: Double?
  var seedTime: TimeSpan?
  var retry: TimeSpan?
  var eventInterval = TimeSpan(seconds: 1)
  var json = false
  var quiet = false
  var network = NetworkOptions()
  var wantsJSON: Bool { json }

  func validate() throws(UsageProblem) {
    try network.validate()
    if let retry, retry.seconds < 1 { throw UsageProblem("--retry: the shortest interval is 1s") }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    var torrents: [(source: LoadedSource, options: AddOptions)] = []
    for source in sources {
      let loaded = try await LoadedSource(source, through: network.interface)
      var options = AddOptions(directory: directory)
      options.peers = network.peers
      options.isSequential = sequential
      switch loaded {
      case .torrent(let metainfo):
        options.priorities = try PriorityRule.priorities(metainfo.info, select: select, rules: priorities)
      case .magnet:
        options.choose = { [select, priorities] info in
          try PriorityRule.priorities(info, select: select, rules: priorities)
        }
      }
      torrents.append((loaded, options))
    }
    try FileSystem.makeFolder(directory)
    let session = try await network.session(scene.console)
    let goal = SwarmRun.Goal.complete(ratio: seedRatio, seconds: seedTime?.seconds)
    let settings = SwarmRun.Settings(
      goal: goal, json: json, quiet: quiet, eventInterval: eventInterval.seconds, retry: retry?.seconds)
    var run = SwarmRun(session, settings, scene)
    do throws(Failure) {
      for (source, options) in torrents {
        guard case .magnet(let magnet) = source, let publication = Publication(magnet) else {
          try await run.add(source, options)
          continue
        }
        guard let infoHash = try await publication.present(session, scene) else {
          await session.stop(within: 2)
          return scene.interruptedStatus
        }
        try await run.add(.magnet(publication.version(infoHash)), options)
        guard follow else { continue }
        run.follow(
          publication.follow(session, after: infoHash, every: followInterval.seconds), options)
      }
    } catch {
      await session.stop(within: 2)
      throw error
    }
    return await run.run()
  }
}
