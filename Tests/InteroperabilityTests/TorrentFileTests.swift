import Foundation
import TestSupport
import Testing

@Suite(.serialized, .throttled)
struct TorrentFileTests {
  /// What makes a torrent file of a folder, other than we.
  enum Maker: String, CaseIterable, CustomTestStringConvertible {
    case mktorrent
    case transmission
    case libtorrentV1
    case libtorrentPaddedV1
    case libtorrentV2
    case libtorrentHybrid

    var testDescription: String { rawValue }

    func make(_ path: String, output: String, on stage: Stage) async throws {
      let url = "http://tracker.invalid/announce"
      switch self {
      case .mktorrent:
        let process = try await stage.run("mktorrent", ["-l", "16", "-a", url, "-o", output, path])
        try #require(process.status == .exited(0), "\(process.tail)")
      case .transmission:
        let process = try await stage.run("transmission-create", ["-s", "64", "-t", url, "-o", output, path])
        try #require(process.status == .exited(0), "\(process.tail)")
      case .libtorrentV1: try await libtorrent(.v1, path, output, stage)
      case .libtorrentPaddedV1: try await libtorrent(.paddedV1, path, output, stage)
      case .libtorrentV2: try await libtorrent(.v2, path, output, stage)
      case .libtorrentHybrid: try await libtorrent(.hybrid, path, output, stage)
      }
    }

    private func libtorrent(_ format: TorrentFormat, _ path: String, _ output: String, _ stage: Stage)
      async throws
    {
      try await Libtorrent.create(path, format: format, pieceLength: 65536, output: output, on: stage)
    }
  }

  /// What `apus show --json` prints, as far as others say it too.
  struct Shown: Decodable {
    struct File: Decodable, Equatable {
      var path: String
      var size: Int
    }

    enum CodingKeys: String, CodingKey {
      case name
      case v1 = "info_hash_v1"
      case v2 = "info_hash_v2"
      case pieceLength = "piece_length"
      case files
    }

    var name: String
    var v1: String?
    var v2: String?
    var pieceLength: Int
    var files: [File]
  }

  private func show(_ torrent: String, on stage: Stage) async throws -> Shown {
    let text = try await ApusClient.succeed(["show", torrent, "--json"], on: stage)
    return try JSONDecoder().decode(Shown.self, from: Data(text.utf8))
  }

  private func expectAgreement(_ shown: Shown, _ contents: TorrentContents) {
    #expect(shown.v1 == contents.v1)
    #expect(shown.v2 == contents.v2)
    #expect(shown.name == contents.name)
    #expect(shown.pieceLength == contents.pieceLength)
    let files = contents.files.filter { !$0.pad }.map { Shown.File(path: $0.path, size: $0.size) }
    #expect(shown.files.sorted { $0.path < $1.path } == files.sorted { $0.path < $1.path })
  }

  @Test(.timeLimit(.minutes(1)), arguments: Maker.allCases)
  func thoseOfOthersMeanTheSameToUs(_ maker: Maker) async throws {
    try await withStage { stage in
      try Payload(seed: 3).writeFolder(to: stage.folder["payload"], size: 1 << 20)
      let torrent = stage.folder["out.torrent"]
      try await maker.make(stage.folder["payload"], output: torrent, on: stage)
      expectAgreement(try await show(torrent, on: stage), try await Libtorrent.show(torrent, on: stage))
      let verified = try await ApusClient.run(["verify", torrent, "--dir", stage.folder.path], on: stage)
      #expect(verified.status == .exited(0), "\(verified.tail)")
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .v2, .hybrid])
  func oursMeanTheSameToLibtorrent(_ format: TorrentFormat) async throws {
    try await withStage { stage in
      try Payload(seed: 3).writeFolder(to: stage.folder["payload"], size: 1 << 20)
      let torrent = stage.folder["out.torrent"]
      try await ApusClient.succeed(
        ["create", stage.folder["payload"], "--format", format.rawValue, "--output", torrent], on: stage)
      expectAgreement(try await show(torrent, on: stage), try await Libtorrent.show(torrent, on: stage))
    }
  }

  /// Transmission 3.00 reads v1 only: see ``ClientKind/formats``.
  @Test(.timeLimit(.minutes(1)))
  func oursHasTheSameInfoHashForTransmission() async throws {
    try await withStage { stage in
      try Payload(seed: 3).writeFolder(to: stage.folder["payload"], size: 1 << 20)
      let torrent = stage.folder["out.torrent"]
      try await ApusClient.succeed(
        ["create", stage.folder["payload"], "--format", "v1", "--output", torrent], on: stage)
      let process = try await stage.run("transmission-show", [torrent])
      #expect(process.status == .exited(0))
      let hash = try #require(try await show(torrent, on: stage).v1)
      #expect(process.output.contains("Hash: \(hash)\n"), "\(process.output)")
    }
  }

  /// The magnet link of a torrent names the info-hash that libtorrent reads in the torrent.
  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .v2, .hybrid])
  func ourMagnetLinkNamesTheTorrent(_ format: TorrentFormat) async throws {
    try await withStage { stage in
      try Payload(seed: 4).write(to: stage.folder["file"], size: 100_000)
      let torrent = stage.folder["out.torrent"]
      try await Libtorrent.create(
        stage.folder["file"], format: format, pieceLength: 16384, output: torrent, on: stage)
      let contents = try await Libtorrent.show(torrent, on: stage)
      let magnet = try await ApusClient.succeed(["magnet", torrent], on: stage)
      if let hash = contents.v1 { #expect(magnet.contains("xt=urn:btih:\(hash)")) }
      if let hash = contents.v2 { #expect(magnet.contains("xt=urn:btmh:1220\(hash)")) }
    }
  }
}
