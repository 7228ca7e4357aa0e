import Bytes
import EventLoop
import Metainfo

extension Torrent {
  func status(on loop: isolated Loop) -> TorrentStatus {
    let now = loop.now
    var open = 0
    var seeds = 0
    var moved = traffic.gone
    forEachPeer { peer in
      open += 1
      if peer.isSeed { seeds += 1 }
      let mine = peer.traffic
      guard mine.downloaded > 0 || mine.uploaded > 0 else { return }
      if let index = moved.firstIndex(where: { $0.isSame(as: mine) }) {
        moved[index].downloaded += mine.downloaded
        moved[index].uploaded += mine.uploaded
        moved[index].transport = mine.transport
      } else {
        moved.append(mine)
      }
    }
    // Files that became wanted are there once their bytes have moved.
    let state = self.state == .seeding && !change.isOver ? .downloading : self.state
    return TorrentStatus(
      name: info.name, infoHash: info.infoHash, state: state, pieces: info.pieceCount,
      piecesHave: durable.ones, wantedBytes: selection.wantedBytes, doneBytes: selection.doneBytes,
      downloaded: counters.downloaded, uploaded: counters.uploaded, wasted: counters.wasted,
      failedPieces: counters.failedPieces, checkedPieces: counters.checkedPieces, leaves: counters.leaves,
      downRate: down.rate(now: now), upRate: up.rate(now: now), peers: open, seeds: seeds,
      trackerMessage: trackerMessage, webSeedMessage: webSeedMessage, peerTraffic: moved,
      endedConnections: counters.closesInWords)
  }
}
