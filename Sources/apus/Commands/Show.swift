import ArgumentParsing
import Digest
import JSON
import Metainfo

/// `apus show`: what is in a torrent or behind a magnet link.
struct Show: RunnableCommand {
  static let name = "show"
  static let summary = "Show what is in a torrent file or a magnet link."
  static let parameters: [Parameter<Self>] = [
    .argument(
      \.source, "file|magnet", help: "A .torrent file, '-' for standard input, or a magnet link.",
      complete: .files("torrent")),
    .flag(\.scrape, "--scrape", help: "Ask every tracker how many seeds and other peers it knows."),
    .flag(\.json, "--json", help: "Print one line of JSON."),
  ]
  var source = ""
  var scrape = false
  var json = false

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    var report: (text: String, json: JSONValue)
    let trackers: [String]
    let infoHashes: [InfoHash]
    switch TorrentSource(source) {
    case .file(let path):
      let metainfo = try TorrentSource.load(path)
      let torrent = TorrentReport(metainfo)
      report = (torrent.text, torrent.json)
      (trackers, infoHashes) = (metainfo.trackers.flatMap(\.self), metainfo.info.infoHashes)
    case .magnet(let text):
      let magnet = try Magnet.parsed(text)
      let link = MagnetReport(magnet)
      report = (link.text, link.json)
      trackers = magnet.trackers
      infoHashes = [magnet.infoHashV1, magnet.infoHashV2?.truncated].compactMap(\.self)
    case .url(let url):
      throw Failure("'\(url)' is a URL; fetch it first, or give it to 'apus download'")
    }
    if scrape {
      let counts = try await SwarmReport.ask(trackers, infoHashes)
      report.text += counts.text
      report.json = counts.added(to: report.json)
    }
    scene.console.write(json ? report.json.text + "\n" : report.text)
    return .success
  }
}

extension Magnet {
  static func parsed(_ text: String) throws(Failure) -> Magnet {
    do throws(MagnetError) {
      return try Magnet(text)
    } catch {
      throw Failure("the magnet link cannot be used: \(error)")
    }
  }
}
