"""Who speaks when: segmentation, embeddings, clustering, tracking of speakers."""
