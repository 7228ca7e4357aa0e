import Addresses
import ArgumentParsing
import BitTorrent
import EventLoop
import Metainfo

/// `apus magnet`: a torrent file's magnet link, or the torrent file of a magnet link.
struct MagnetLink: RunnableCommand {
  static let name = "magnet"
  static let summary = "Print a torrent file's magnet link, or fetch a magnet link's torrent file."
  static let discussion = """
    Of a torrent file the magnet link is printed. Of a magnet link the torrent is fetched from its peers, and \
    saved with the link's trackers; nothing of its content is downloaded.
    """
  static let stopsCleanly = true
  static let parameters: [Parameter<Self>] =
    [
      .argument(
        \.source, "file|magnet", help: "A .torrent file, '-' for standard input, or a magnet link.",
        complete: .files("torrent")),
      .option(
        \.output, "--output", "-o", value: "file",
        help: "Where the torrent file of a magnet link goes; '-' is standard output.",
        complete: .files("torrent")),
      .option(\.timeout, "--timeout", value: "time", help: "Give up after so long."),
      .flag(\.quiet, "--quiet", "-q", help: "Show no progress."),
    ] + Parameter.group(\.network, NetworkOptions.parameters)
  var source = ""
  var output: String?
  var timeout: TimeSpan?
  var quiet = false
  var network = NetworkOptions()

  func validate() throws(UsageProblem) {
    try network.validate()
    guard case .magnet = TorrentSource(source) else {
      if output != nil { throw UsageProblem("--output: only the torrent file of a magnet link is saved") }
      return
    }
    if output == nil { throw UsageProblem("give --output <file> for the torrent file") }
  }

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    switch TorrentSource(source) {
    case .file(let path):
      scene.console.line(Magnet(try TorrentSource.load(path)).description)
      return .success
    case .magnet(let link):
      return try await fetch(try Magnet.parsed(link), scene)
    case .url(let url):
      throw Failure("'\(url)' is a URL; fetch it first")
    }
  }

  private func fetch(_ magnet: Magnet, _ scene: Scene) async throws(Failure) -> ExitStatus {
    let session = try await network.session(scene.console)
    var named = magnet
    if let publication = Publication(magnet) {
      do throws(Failure) {
        let seconds = timeout?.seconds ?? .infinity
        guard let infoHash = try await publication.present(session, scene, within: seconds) else {
          await session.stop(within: 2)
          return scene.interruptedStatus
        }
        named = publication.version(infoHash)
      } catch {
        await session.stop(within: 2)
        throw error
      }
    }
    let result = await metainfo(of: named, session, scene)
    await session.stop(within: 2)
    guard let metainfo = try result.get() else { return scene.interruptedStatus }
    try FileSystem.replace(output ?? "-", with: metainfo.encoded())
    return .success
  }

  /// The torrent; `nil` if somebody interrupted.
  private func metainfo(
    of magnet: Magnet, _ session: Session, _ scene: Scene
  ) async -> Result<Metainfo?, Failure> {
    var options = AddOptions(directory: ".")
    options.peers = network.peers
    options.isMetadataOnly = true
    let handle: TorrentHandle
    do throws(SessionError) {
      handle = try await session.add(magnet, options)
    } catch {
      return .failure(Failure(error.message))
    }
    let display = ProgressDisplay(scene.console, isOn: !quiet)
    let started = Instant.now
    while true {
      let status = await handle.status()
      if let metainfo = await handle.metainfo() {
        display.finish([])
        return .success(metainfo)
      }
      if case .stopped(let reason) = status.state { return .failure(Failure(reason)) }
      if let timeout, Instant.now.seconds(since: started) > timeout.seconds {
        return .failure(
          Failure(
            "no peer gave the torrent of '\(status.name)' within \(Figures.time(timeout.seconds)); "
              + "name one with --peer, or a tracker in the link"))
      }
      display.update { [SwarmRow.row(status, style: scene.console.style)] }
      if await scene.interruption.sleep(0.05) {
        display.finish([])
        return .success(nil)
      }
    }
  }
}
