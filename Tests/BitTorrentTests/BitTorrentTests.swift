// BitTorrentTests
