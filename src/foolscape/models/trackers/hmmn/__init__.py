"""HMMN (Seong et al., ICCV 2021): a memory that is read at three resolutions, each guided by the coarser one."""
