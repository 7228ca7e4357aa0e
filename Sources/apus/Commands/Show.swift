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
    .flag(\.json, "--json", help: "Print one line of JSON."),
  ]
  var source = ""
  var json = false

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    switch TorrentSource(source) {
    case .file(let path):
      let report = TorrentReport(try TorrentSource.load(path))
      scene.console.write(json ? report.json.text + "\n" : report.text)
    case .magnet(let text):
      let report = MagnetReport(try Magnet.parsed(text))
      scene.console.write(json ? report.json.text + "\n" : report.text)
    case .url(let url):
      throw Failure("'\(url)' is a URL; fetch it first, or give it to 'apus download'")
    }
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
