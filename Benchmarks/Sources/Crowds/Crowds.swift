import BitTorrent
import Glibc
import Metainfo

// What many peers and many torrents cost: CPU for each GiB that moves, and how it grows with their number. The
// crowd is one thread of this process, which is not counted.

@main
enum Crowds {
  private static let usage = """
    usage: Crowds [--only TEXT] [--mib SIZE] [--peers N,N] [--torrents N]

    """

  static func main() async throws {
    var arguments = CommandLine.arguments.dropFirst()
    var only = ""
    var mebibytes = 512
    var peers = [1, 10, 50, 200, 500]
    var torrents = 1000
    while let argument = arguments.popFirst() {
      guard let value = arguments.popFirst() else { fail(usage) }
      switch argument {
      case "--only": only = value
      case "--mib": mebibytes = Int(value) ?? mebibytes
      case "--peers": peers = value.split(separator: ",").compactMap { Int($0) }
      case "--torrents": torrents = Int(value) ?? torrents
      default: fail(usage)
      }
    }
    raiseLimit()
    let stage = try Stage(mebibytes: mebibytes)
    defer { stage.remove() }
    print("| what | peers | MiB/s | CPU s/GiB | × the first |\n|---|---|---|---|---|")
    for side in Side.allCases where only.isEmpty || side.rawValue.contains(only) {
      var first: Double?
      for count in peers {
        let row = try await stage.crowd(of: count, side)
        first = first ?? row.cost
        row.print(side.rawValue, count, first)
      }
    }
    var first: Double?
    for count in [1, 50] where only.isEmpty || "real downloaders".contains(only) {
      let row = try await stage.downloaders(count)
      first = first ?? row.cost
      row.print("one seeder to real downloaders, all together", count, first)
    }
    first = nil
    for count in [1, torrents] where only.isEmpty || "torrents".contains(only) {
      let row = try await stage.torrents(count)
      first = first ?? row.cost
      row.print("torrents at once, both sides", count, first)
    }
  }

  /// Five hundred peers are a thousand descriptors here.
  private static func raiseLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, 1 << 16)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  static func fail(_ message: String) -> Never {
    _ = message.withCString { write(2, $0, strlen($0)) }
    exit(64)
  }
}

/// What the engine does.
enum Side: String, CaseIterable {
  case seeds = "one seeder to many downloaders"
  case downloads = "one downloader from many seeders"
}

/// One line of the table.
struct Row {
  var bytes: Int
  var seconds: Double
  var cpu: Double

  var gibibytes: Double { Double(bytes) / Double(1 << 30) }
  var cost: Double { cpu / gibibytes }

  func print(_ name: String, _ peers: Int, _ first: Double?) {
    func text(_ value: Double) -> String {
      let hundredths = Int((value * 100).rounded())
      return "\(hundredths / 100)." + (hundredths % 100 < 10 ? "0" : "") + "\(hundredths % 100)"
    }
    Swift.print(
      "| \(name) | \(peers) | \(Int(gibibytes * 1024 / seconds)) | \(text(cost)) | \(text(cost / (first ?? cost))) |"
    )
  }
}
