import Digest
import EventLoop
import Metainfo

/// How the torrents of some seats are added, and how each can be read again. Shared by the seats of a batch.
final class SeatSource: Sendable {
  let options: AddOptions
  /// Reads the torrent with a number; `nil` if it was given once and for all.
  let read: (@Sendable (Int) throws -> Metainfo)?

  init(_ options: AddOptions, read: (@Sendable (Int) throws -> Metainfo)? = nil) {
    self.options = options
    self.read = read
  }
}

/// What a seat knows of its torrent while that is not in memory.
struct TorrentOutline: Sendable {
  var name: String
  var infoHash: InfoHash
  /// The truncated v2 hash of a hybrid.
  var secondHash: InfoHash?
  var pieces: Int32
  var piecesHave: Int32 = 0
  var wantedBytes: Int64
  var doneBytes: Int64 = 0
  var isPrivate = false

  init(_ info: Info) {
    name = info.name
    infoHash = info.infoHash
    secondHash = info.infoHashes.dropFirst().first
    pieces = Int32(info.pieceCount)
    wantedBytes = info.contentLength
    isPrivate = info.isPrivate
  }

  /// Everything is here.
  mutating func isComplete() {
    piecesHave = pieces
    doneBytes = wantedBytes
  }

  var infoHashes: [InfoHash] { [infoHash] + [secondHash].compactMap(\.self) }
}

/// What a torrent has done and learnt and nobody else could tell it again: kept while it rests. Most idle
/// torrents have none.
final class TorrentPast {
  var counters = TorrentCounters()
  var traffic = TrafficLog()
  var book = PeerBook()
  var trackerMessage: String?
  /// Its own limits, if they are not those that it was added with.
  var limits: RateLimits?
  var bestUpRate = 0.0
  var announcers: [Announcer] = []
  /// Ends the wait for trackers that do not hear the goodbye.
  var stopTimer: LoopTimer?
  /// Why it could not be read again.
  var fault: String?
}
